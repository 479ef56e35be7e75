"""The rules of the house; docs/architecture.md gives their reasons."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_simgan

PACKAGE = Path(keras_simgan.__file__).parent
spec = importlib.util.spec_from_file_location("run", Path(__file__).parent / "run.py")
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)

#: What a room may import from the package, besides itself and `ranges`, on which all stand.
MAY_IMPORT = {
    "backend": set(),
    "layers": set(),
    "losses": {"backend", "layers"},
    "metrics": {"networks", "presets"},
    "presets": set(),
    "schedules": set(),
    "networks": {"backend", "layers", "presets"},
    "models": {"backend", "layers", "losses", "presets", "schedules"},
    "data": set(),
    "evaluation": {"data", "metrics", "networks", "refinement"},
    "refinement": {"data", "layers", "networks", "presets"},
}
#: Files beside the rooms, which any of them may import.
GROUND = {"disk", "printable", "ranges", "registration"}
#: Rooms that must work with TensorFlow absent.
CORE = ("layers", "losses", "metrics", "models", "networks", "presets", "schedules")
BACKENDS = {"tensorflow", "jax", "torch", "jaxlib", "torchvision"}


def sources(room):
    return sorted((PACKAGE / room).rglob("*.py"))


def imports(path):
    """The modules that a file imports, each with whether this happens inside a function."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import; the house imports absolutely"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in inside


def rooms_of(path):
    for name, inside in imports(path):
        parts = name.split(".")
        if parts[0] == "keras_simgan" and (PACKAGE / parts[-1]).is_dir() and len(parts) == 2:
            yield parts[1], inside
        elif parts[0] == "keras_simgan" and len(parts) > 2:
            yield parts[1], inside


def test_the_scan_sees_imports():
    """So that the tests below can fail."""
    assert ("backend", False) in set(rooms_of(PACKAGE / "models" / "gan.py"))
    assert ("runs", True) in {room for path in PACKAGE.rglob("*.py") for room in rooms_of(path)}
    assert branches_on_backend(PACKAGE / "backend" / "__init__.py")
    assert ("tensorflow", False) in set(imports(PACKAGE / "backend" / "tensorflow_steps.py"))


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_import_only_what_they_may(room):
    assert sources(room), f"the room {room} is empty"
    for path in sources(room):
        for other, _ in rooms_of(path):
            assert other in MAY_IMPORT[room] | GROUND | {room}, (
                f"{path} imports keras_simgan.{other}"
            )


def import_graph(package):
    """For each module of a package the modules of it that it imports, inside functions too."""
    paths = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    # `from a.b import c` imports the module a.b.c where there is one, else a.b.
    return {
        module: {
            found
            for name, _ in imports(path)
            for found in [name if name in paths else name.rpartition(".")[0]]
            if found in paths
        }
        for module, path in paths.items()
    }


def defined_in(name):
    """The file of the package that has a name, past the `__init__`s that hand it on."""
    module = PACKAGE.parent.joinpath(*name.split("."))
    if module.with_suffix(".py").is_file():
        return module.with_suffix(".py")
    if (module / "__init__.py").is_file():
        return module / "__init__.py"
    parent, _, last = name.rpartition(".")
    path = defined_in(parent)
    handed_on = imports(path) if path.name == "__init__.py" else ()
    for other, _ in handed_on:
        if other.startswith("keras_simgan.") and other.rpartition(".")[2] == last != "":
            return defined_in(other)
    return path


def libraries_of(path):
    """What a file imports that is not the package's, by itself or by what it imports of it."""
    libraries, seen, left = set(), {path}, [path]
    while left:
        for name, _ in imports(left.pop()):
            if name.split(".")[0] != "keras_simgan":
                libraries.add(name.split(".")[0])
            elif (found := defined_in(name)) not in seen:
                seen.add(found)
                left.append(found)
    return libraries


def circle_in(graph):
    """A circle of a graph, its first node again at the end; None where there is none."""
    finished = set()

    def search(node, trail):
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node not in finished:
            for following in sorted(graph.get(node, ())):
                if circle := search(following, [*trail, node]):
                    return circle
            finished.add(node)
        return None

    return next((circle for node in sorted(graph) if (circle := search(node, []))), None)


def test_no_modules_import_each_other_in_a_circle():
    """Nor inside functions, where a circle would only be hidden."""
    circle = circle_in(import_graph(PACKAGE))
    assert circle is None, " -> ".join(circle)


def test_no_rooms_import_each_other_in_a_circle():
    """To import a module of a room is to import its `__init__`, and so all of the room."""
    rooms = {}
    for module, imported in import_graph(PACKAGE).items():
        if module != PACKAGE.name:
            _, room, *_ = module.split(".")
            others = {name.split(".")[1] for name in imported if name != PACKAGE.name}
            rooms.setdefault(room, set()).update(others - {room})
    circle = circle_in(rooms)
    assert circle is None, " -> ".join(circle)


def test_the_search_finds_circles(tmp_path):
    """So that the two tests above can fail, of a circle inside a function too."""
    (tmp_path / "house" / "room").mkdir(parents=True)
    (tmp_path / "house/__init__.py").touch()
    (tmp_path / "house/room/__init__.py").write_text("from house.room.a import f")
    (tmp_path / "house/room/a.py").write_text("import os\ndef f():\n    from house import b")
    (tmp_path / "house/b.py").write_text("import house.c")
    (tmp_path / "house/c.py").write_text("x = 1")
    graph = import_graph(tmp_path / "house")
    assert graph == {
        "house": set(),
        "house.room": {"house.room.a"},
        "house.room.a": {"house.b"},
        "house.b": {"house.c"},
        "house.c": set(),
    }
    assert circle_in(graph) is None
    (tmp_path / "house/c.py").write_text("from house.room.a import f")
    graph = import_graph(tmp_path / "house")
    assert circle_in(graph) == ["house.b", "house.c", "house.room.a", "house.b"]


def asked_for_in(path):
    """The arguments of a file's functions that it does not parametrize: its fixtures, and more."""
    asked, given = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            asked |= {argument.arg for argument in node.args.args}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "parametrize":
            given.update(re.findall(r"\w+", ast.unparse(node.args[0])))
    return asked - given


#: Fixtures for all tests that know no Keras themselves.
OF_NUMPY = {"folders", "golden", "images", "colour_images"}


def test_tests_of_one_backend_know_no_keras():
    """Nor ask for a fixture of all tests that might."""
    root = Path(__file__).parent
    fixtures = set(re.findall(r"fixture.*\ndef (\w+)\(", (root / "conftest.py").read_text()))
    assert {"small_simgan", "backend", "golden"} <= fixtures
    for name in run.NUMPY_ALONE:
        path = root.parent / name
        assert not libraries_of(path) & (BACKENDS | {"keras"}), name
        assert not asked_for_in(path) & (fixtures - OF_NUMPY), name
        # As a name that pytest would not find is ignored nowhere.
        assert f"--ignore={name}" in run.arguments_for("jax", ["jax", "torch"], ["-q"])
    assert run.arguments_for("torch", ["jax", "torch"], ["-q"]) == ["-q"]
    assert run.arguments_for("jax", ["jax"], ["-q"]) == ["-q"]


def test_the_search_for_keras_goes_through_what_is_handed_on():
    """So that the test above can fail."""
    root = Path(__file__).parent
    assert "values" in asked_for_in(root / "models/test_simgan.py")
    assert "keras" in libraries_of(root / "data/test_unpaired.py")
    assert "keras" in libraries_of(root / "evaluation/test_evaluate.py")
    assert defined_in("keras_simgan.data.read_image") == PACKAGE / "data/images.py"
    assert defined_in("keras_simgan.losses") == PACKAGE / "losses/__init__.py"


def test_only_the_backend_room_knows_the_backend():
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        if room == "backend":
            continue
        assert "KERAS_BACKEND" not in path.read_text(), path
        assert not branches_on_backend(path), f"{path} branches on the backend"
        for name, inside in imports(path):
            library = name.split(".")[0]
            if library == "tensorflow" and inside and room not in CORE:
                continue  # input pipelines, where they are used
            assert library not in BACKENDS, f"{path} imports {library}"


def test_the_backend_room_imports_each_backend_in_its_own_file_only():
    for path in sources("backend"):
        libraries = {name.split(".")[0] for name, _ in imports(path)} & BACKENDS
        expected = {
            "tensorflow_steps.py": {"tensorflow"},
            "jax_steps.py": {"jax"},
            "torch_steps.py": {"torch"},
        }
        assert libraries == expected.get(path.name, set()), path


def branches_on_backend(path):
    """Whether a call of `backend()` stands in a comparison, or is kept for one.

    To write the backend's name down, as a run's record does, is no branch.
    """
    tree = ast.parse(path.read_text())
    return any(
        isinstance(call, ast.Call) and getattr(call.func, "attr", None) == "backend"
        for node in ast.walk(tree)
        if isinstance(node, (ast.Compare, ast.Match, ast.Assign, ast.NamedExpr))
        for part in ([node.value] if isinstance(node, ast.Assign) else ast.iter_child_nodes(node))
        for call in ([part] if isinstance(node, ast.Assign) else ast.walk(part))
    )


WITHOUT_TENSORFLOW = """
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_datasets"):
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
try:
    import tensorflow
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("TensorFlow is there: this test tests nothing")

import keras
import numpy as np
from keras_simgan import layers, losses, metrics, models, networks, presets, schedules

images = np.random.default_rng(0).uniform(-1, 1, (2, 4, 8, 8, 1)).astype("float32")
model = models.SimGAN(
    networks.Refiner((8, 8, 1), filters=2, blocks=1),
    networks.RefinerDiscriminator((8, 8, 1), stages=((2, 3, 2),)),
    history_size=4, refiner_turns=1, refiner_warmup=0, discriminator_warmup=0,
)
model.compile()
before = [np.array(w) for w in model.get_weights()]
model.fit(*images, batch_size=4, verbose=0)
assert int(model.step) == 1
assert any((a != np.array(b)).any() for a, b in zip(before, model.get_weights()))
assert model.predict(images[0], verbose=0).shape == (4, 8, 8, 1)
model.save_to_preset(sys.argv[1])
models.SimGAN.from_preset(sys.argv[1])
metric = metrics.AngularError()
metric.update_state(np.zeros((1, 2)), np.full((1, 2), 0.1))
assert float(metric.result()) > 0
assert "tensorflow" not in sys.modules
print("trained without TensorFlow on", keras.config.backend())
"""


def test_core_imports_and_trains_with_tensorflow_absent(backend, tmp_path):
    if backend == "tensorflow":
        pytest.skip("this process runs on TensorFlow; the other two backends test its absence")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_TENSORFLOW, str(tmp_path / "preset")],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"trained without TensorFlow on {backend}" in done.stdout


def test_help_of_the_package_needs_no_backend():
    """Rooms are imported when first used."""
    code = "import sys, keras_simgan; print([m for m in sys.modules if m in ('keras', 'jax')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    assert "models" in dir(keras_simgan)
    with pytest.raises(AttributeError, match="no attribute 'modles'"):
        _ = keras_simgan.modles
