"""What every GAN of this package, or written with it, must do.

A model's test file subclasses `GANContract` with two methods and gets these tests on each backend:

    class TestContract(GANContract):
        def build(self, policy=None):   # a model, not compiled, with drawn weights
        def batch(self):                # (source, target), eight samples

Losses are compared with those of the golden file, which TensorFlow made, in float64: there no
processor's rounding decides.
"""

import contextlib
import json
import pkgutil
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops

GOLDEN = Path(__file__).parent.parent / "golden" / "gan_contract.json"
BATCH = 4


def structure(function, *nested):
    return keras.tree.map_structure(function, *nested)


def arrays(variables):
    return [ops.convert_to_numpy(variable).copy() for variable in variables]


def assert_equal(some, others):
    """Difference 0.0, variable by variable."""
    assert len(some) == len(others)
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a.astype("float64"), b.astype("float64"))


def draw_weights(model, seed=1):
    """The same weights whatever the backend."""
    draw = np.random.default_rng(seed)
    for network in model.networks.values():
        for variable in network.weights:
            if "moving" not in variable.path:
                mean = 1.0 if "gamma" in variable.path else 0.0
                variable.assign(draw.normal(mean, 0.1, variable.shape).astype("float32"))
    return model


@contextlib.contextmanager
def in_float64():
    """Computes in float64, with the same numbers on every backend."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    with contextlib.ExitStack() as stack:
        # Means and the like are taken in float32 on JAX and torch.
        promoted = "keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE"
        stack.enter_context(mock.patch.dict(promoted, {"float64": "float64"}))
        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            # TensorFlow's own holds the slope in float32.
            stack.enter_context(
                mock.patch("tensorflow.nn.leaky_relu", lambda x, alpha: tf.maximum(x, alpha * x))
            )
        elif keras.config.backend() == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        else:
            # Torch's convolutions of doubles want kernels in one piece, and get transposed ones.
            for name in ("conv2d", "conv_transpose2d"):
                path = f"torch.nn.functional.{name}"
                stack.enter_context(mock.patch(path, _in_one_piece(pkgutil.resolve_name(path))))
        try:
            keras.config.set_floatx("float64")
            keras.config.set_dtype_policy("float64")
            yield
        finally:
            keras.config.set_floatx(before[0])
            keras.config.set_dtype_policy(before[1])


def _in_one_piece(convolution):
    return lambda x, kernel, *rest, **more: convolution(
        x.contiguous(), kernel.contiguous(), *rest, **more
    )


class Turns:
    """Always the same turns, without a branch in the graph."""

    def __init__(self, generator, discriminator):
        self.turns = (generator, discriminator)

    def __call__(self, step):
        return self.turns


class Interruption(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    """Ends a training amid its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 0):
            raise Interruption


@contextlib.contextmanager
def both_turns(model):
    """A model with warm-ups plays all of its losses."""
    before, model.turns = model.turns, Turns(True, True)
    yield
    model.turns = before


class GANContract:
    """See the module."""

    #: Gradients through float16 convolutions to one channel are not to be had on torch's CPUs.
    torch_float16 = False
    #: JAX compiles every operation of an eager step: seconds for dense networks, else minutes.
    jax_eager = False
    #: Whether to train eagerly and several steps an execution, too, which is the engine's business.
    every_mode = False
    #: Whether to compile a training with XLA on TensorFlow, which takes as long as all the rest.
    xla = True
    #: Whether `export` is offered: models with `directions`.
    exports = True

    def build(self, policy=None):
        raise NotImplementedError

    def batch(self):
        raise NotImplementedError

    def compiled(self, seed=1, policy=None, **arguments):
        model = draw_weights(self.build(policy=policy), seed)
        # Powers of two, which are the same in float32: TensorFlow casts such numbers through it.
        adam = keras.optimizers.Adam(2**-10, beta_1=0.5, beta_2=1 - 2**-10, epsilon=2**-20)
        # Without XLA on TensorFlow, where compiling takes longer than the training.
        given = {"jit_compile": keras.config.backend() == "jax", **arguments}
        model.compile(adam, keras.optimizers.SGD(2**-7), **given)
        return model

    def train(self, model, **arguments):
        given = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **arguments}
        return model.fit(*self.batch(), **given).history

    def outputs(self, model):
        """What each network says, of inputs drawn in its own shapes."""
        draw = np.random.default_rng(5)

        def inputs(shape, dtype):
            if "int" in dtype:
                return np.zeros([2, *shape[1:]], dtype)
            return draw.uniform(-1, 1, [2, *[size or 8 for size in shape[1:]]]).astype("float32")

        found = {}
        for name, network in model.networks.items():
            # A Sequential has its functional model inside, and torch hides some of its properties.
            symbolic = getattr(network, "_functional", network).input
            given = structure(lambda t: inputs(t.shape, t.dtype), symbolic)
            found[name] = structure(ops.convert_to_numpy, network(given, training=False))
        return found

    # turns

    def test_a_turn_moves_its_own_networks_and_no_other(self):
        model = self.compiled()
        model.turns = lambda step: (ops.equal(step, 0), ops.equal(step, 1))
        batch = structure(lambda array: array[:BATCH], self.batch())
        group = {"generator": model.generators, "discriminator": model.discriminators}
        for turn in ("generator", "discriminator", "none"):
            before = {name: arrays(net.trainable_variables) for name, net in model.networks.items()}
            frozen = {name: arrays(net.variables) for name, net in model.frozen.items()}
            optimizers = [arrays(o.variables) for o in model._turn_optimizers]
            model.fit(*batch, batch_size=BATCH, verbose=0)
            for name, network in model.networks.items():
                moved = [
                    (a != b).any()
                    for a, b in zip(before[name], arrays(network.trainable_variables), strict=True)
                ]
                assert any(moved) == (name in group.get(turn, {})), (turn, name)
            for name, variables in frozen.items():
                assert_equal(variables, arrays(model.frozen[name].variables))
            for name, optimizer, variables in zip(
                group, model._turn_optimizers, optimizers, strict=True
            ):
                if name != turn:
                    assert_equal(variables, arrays(optimizer.variables))
        assert int(model.step) == 3

    def test_turns_left_out_cost_nothing(self, backend, lowered_cost):
        """A step without a generator turn: the fakes, and the discriminator turn."""
        if backend != "jax":
            pytest.skip("counted on JAX")
        model = self.compiled()
        batch = structure(lambda array: array[:BATCH], self.batch())
        model.inspect_data(*batch)
        generate = lowered_cost(model, lambda: model.generate(batch, training=True))
        both = lowered_cost(
            model,
            lambda: model._discriminator_turn(batch, model.generate(batch, training=True)),
        )
        costs = {}
        for turns in ((False, True), (False, False), (True, True)):
            model.turns = Turns(*turns)
            costs[turns] = lowered_cost(model, lambda: model.adversarial_step(batch))
        assert costs[False, False] <= 1.01 * generate + 1000
        assert costs[False, True] <= 1.01 * both + 1000
        # Forward and backward are three times forward, and there is the rest of the losses.
        assert costs[True, True] >= costs[False, True] + 2 * generate

    # what Keras calls

    @pytest.mark.graph
    def test_fit_evaluate_and_predict(self):
        model = self.compiled()
        with both_turns(model):
            history = self.train(model, validation_data=self.batch())
        named = {name.removeprefix("val_") for name in history} - {"loss"}
        assert named == set(model._loss_means)
        assert all(np.isfinite(values).all() for values in history.values())
        # Batches of the size that was trained on: JAX compiles each size.
        measured = model.evaluate(*self.batch(), batch_size=BATCH, return_dict=True, verbose=0)
        assert measured["loss"] == pytest.approx(
            sum(value for name, value in measured.items() if name != "loss"), rel=1e-4
        )
        source = self.batch()[0]
        predicted = model.predict(source, batch_size=BATCH, verbose=0)
        name = next(iter([*model.directions.values(), *model.generators]))
        expected = model.networks[name].predict(source, batch_size=BATCH, verbose=0)
        structure(np.testing.assert_array_equal, predicted, expected)
        for direction in model.directions:
            images = self.batch()[direction == "target_to_source"]
            assert model.translate(images, direction).shape[0] == 8

    def test_interrupted_and_resumed_equals_uninterrupted(self, tmp_path):
        def everything(model):
            return arrays([*model.variables, *model.optimizer.variables])

        whole = self.compiled(ema_momentum=0.5)
        self.train(whole, epochs=3)
        interrupted = self.compiled(ema_momentum=0.5)
        with pytest.raises(Interruption):
            backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
            self.train(interrupted, epochs=3, callbacks=[backup, Interrupt()])
        resumed = self.compiled(seed=9, ema_momentum=0.5)  # all must come from the backup
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        history = self.train(resumed, epochs=3, callbacks=[backup])
        assert len(history["loss"]) == 2
        assert_equal(everything(whole), everything(resumed))
        assert int(resumed.step) == 6

    @pytest.mark.graph
    @pytest.mark.parametrize(
        "mode",
        [
            {},
            {"jit_compile": True},
            {"jit_compile": False},
            {"run_eagerly": True},
            {"steps_per_execution": 2},
        ],
        ids=str,
    )
    def test_losses_are_the_same_on_every_backend(self, mode, backend, float64):
        if mode and backend == "torch":
            pytest.skip("Keras compiles torch models with dynamo, which needs a C++ toolchain")
        if mode.keys() & {"run_eagerly", "steps_per_execution"} and not self.every_mode:
            pytest.skip("tried with other models")
        if mode == {"jit_compile": backend == "jax"}:
            pytest.skip("so is the first of these")
        if mode == {"jit_compile": True} and not self.xla:
            pytest.skip("slow, and tried by another test of the file")
        if mode.keys() & {"run_eagerly", "jit_compile"} and backend == "jax" and not self.jax_eager:
            pytest.skip("slow: JAX compiles every operation of an eager step")
        model = self.compiled(**mode)
        with both_turns(model):
            self.compare(self.train(model))

    def compare(self, found):
        expected = json.loads(GOLDEN.read_text())[self.golden_name()]
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12, err_msg=name)

    @classmethod
    def golden_name(cls):
        return getattr(cls, "name", cls.__module__.rpartition(".")[2])

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_half_precision(self, policy, backend):
        if (backend, policy) == ("torch", "mixed_float16") and not self.torch_float16:
            pytest.skip("torch's CPUs cannot differentiate these float16 convolutions")
        model = self.compiled(policy=policy)
        scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        assert scaled == (policy == "mixed_float16")
        if scaled:
            model.optimizer.dynamic_scale.assign(256.0)
        with both_turns(model):
            history = self.train(model)
        exact = json.loads(GOLDEN.read_text())[self.golden_name()]
        for name, values in history.items():
            assert values == pytest.approx(exact[name], rel=0.1, abs=0.05), name
        assert {variable.dtype for variable in model.trainable_variables} == {"float32"}

    # files

    @pytest.fixture(scope="class")
    def kept(self, tmp_path_factory):
        """A trained model, all ways of keeping it, and how its training goes on afterwards."""
        model, folder = self.compiled(), tmp_path_factory.mktemp("kept")
        self.train(model)
        model.save(folder / "model.keras")
        model.save_to_preset(folder / "preset")
        if self.exports and keras.config.backend() != "torch":
            model.export(folder / "exported", format="tf_saved_model", verbose=False)
        then = SimpleNamespace(
            folder=folder,
            cls=type(model),
            config=json.dumps(model.get_config()),
            outputs=self.outputs(model),
            state=arrays([*model.variables, *model.optimizer.variables]),
            translated=model.translate(self.batch()[0]) if model.directions else None,
        )
        then.further_history = self.train(model)
        return then

    def test_keras_file_keeps_every_network(self, kept):
        loaded = keras.saving.load_model(
            kept.folder / "model.keras", custom_objects={kept.cls.__name__: kept.cls}
        )
        assert type(loaded) is kept.cls
        assert json.dumps(loaded.get_config()) == kept.config
        structure(np.testing.assert_array_equal, kept.outputs, self.outputs(loaded))
        assert_equal(kept.state, arrays([*loaded.variables, *loaded.optimizer.variables]))
        assert self.train(loaded) == kept.further_history

    def test_preset_keeps_every_network(self, kept):
        loaded = kept.cls.from_preset(kept.folder / "preset")
        assert type(loaded) is kept.cls
        structure(np.testing.assert_array_equal, kept.outputs, self.outputs(loaded))
        for direction in loaded.directions:
            alone = kept.cls.from_preset(kept.folder / "preset", direction=direction)
            name = loaded.network_of(direction)
            assert_equal(arrays(alone.weights), arrays(loaded.networks[name].weights))

    def test_export(self, backend, kept):
        if not self.exports:
            pytest.skip("no directions")
        if backend == "torch":
            pytest.skip("Keras exports torch models through litert or ONNX, of further packages")
        tf = pytest.importorskip("tensorflow")
        exported = tf.saved_model.load(str(kept.folder / "exported"))
        found = exported.serve(self.batch()[0]).numpy()
        np.testing.assert_allclose(found, kept.translated, atol=1e-5)
