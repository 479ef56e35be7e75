"""Networks that are named once, and so are saved and loaded whole."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import keras

from keras_simgan.backend import TrainingSteps
from keras_simgan.layers import ImageStore


class NetworkGroup(TrainingSteps):
    """Networks under names, saved and loaded whole.

    Each network is an attribute of its name. `.keras` files and presets hold each of them; nothing
    looks for attributes that happen to be networks, and one that is hidden elsewhere, in a list or
    behind another network, is refused.

    The arguments that the constructor was called with are the configuration, so a subclass writes
    neither `get_config` nor `from_config`: what it is given must be serializable as Keras has it.

    Args:
        generators: The networks that move in the generator turn, by name.
        discriminators: The networks that move in the discriminator turn, by name.
        frozen: Networks that losses ask and that never move, by name.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Raises:
        ValueError: Networks without a name, not built, or that share variables.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Notes the constructor's arguments, for `get_config`."""
        instance = super().__new__(cls, *args, **kwargs)
        signature = inspect.signature(cls.__init__)
        try:
            bound = signature.bind(instance, *args, **kwargs)
        except TypeError:
            return instance  # `__init__` will say what is wrong
        bound.apply_defaults()
        arguments: dict[str, Any] = {}
        for parameter, value in list(bound.arguments.items())[1:]:
            if signature.parameters[parameter].kind is inspect.Parameter.VAR_KEYWORD:
                arguments |= value
            else:
                arguments[parameter] = value
        # Neither a dictionary nor set as usual: Keras would save the networks in it once more.
        object.__setattr__(instance, "_arguments", MappingProxyType(arguments))
        return instance

    def __init__(
        self,
        generators: Mapping[str, keras.Model],
        discriminators: Mapping[str, keras.Model],
        frozen: Mapping[str, keras.Model] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        groups = {"generators": generators, "discriminators": discriminators, "frozen": frozen}
        for argument, group in groups.items():
            given = {} if group is None else group
            self._check_group(argument, given)
            object.__setattr__(self, argument, MappingProxyType(dict(given)))
        _refuse_shared(type(self).__name__, self.networks)
        for name, network in self.networks.items():
            if name in self.frozen:
                network.trainable = False
            setattr(self, name, network)
        self._refuse_unnamed(self.layers)

    @property
    def networks(self) -> Mapping[str, keras.Model]:
        """All networks by name."""
        # No dictionary, which Keras would look into for what to save.
        return MappingProxyType({**self.generators, **self.discriminators, **self.frozen})

    def _check_group(self, argument: str, group: Any) -> None:
        of = f"a {type(self).__name__}"
        if not isinstance(group, Mapping):
            raise ValueError(
                f"`{argument}` of {of} must be a dictionary that names each network once, such as "
                f"{{'generator': network}}. Received: {group!r}."
            )
        for name, network in group.items():
            if not (isinstance(name, str) and name.isidentifier()) or hasattr(type(self), name):
                raise ValueError(
                    f"`{argument}` of {of} names a network {name!r}; expected a name that can be "
                    "an attribute and is none of `keras.Model`'s own."
                )
            if hasattr(self, "generators") and name in (
                set(self.generators) | set(getattr(self, "discriminators", ()))
            ):
                raise ValueError(f"Two networks of {of} are named {name!r}.")
            # A subclassed model knows no shapes, called or not; a frozen one need not.
            known = argument == "frozen" or hasattr(network, "input_shape")
            if not (isinstance(network, keras.Model) and network.built and known):
                raise ValueError(
                    f"Every network of {of} must be a built `keras.Model` that knows its shapes; "
                    f"`{name}` is {network!r}. Give it an input shape; make a subclassed model "
                    "functional: `inputs = keras.Input(shape)`, then `keras.Model(inputs, "
                    "model(inputs))`. Of several networks name each."
                )

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses networks that would be neither trained nor kept in a preset."""
        super().__setattr__(name, value)
        if name != "augment" and "frozen" in self.__dict__:  # all networks are named by then
            if layers := _layers_in(value):
                self._refuse_unnamed(layers, f" (`{name}`)")

    def _refuse_unnamed(self, layers: list, where: str = "") -> None:
        known = {id(variable) for network in self.networks.values() for variable in network.weights}
        for layer in layers:
            if layer is getattr(self, "augment", None):
                continue
            parameters = (v for part in layer._flatten_layers() for v in part._trainable_variables)
            if not layer.built or any(id(variable) not in known for variable in parameters):
                raise ValueError(
                    f"The layer {layer.name!r}{where} of a {type(self).__name__} is part of none "
                    f"of its named networks ({', '.join(self.networks)}): it would not be trained "
                    "nor kept in a preset. Make it a built `keras.Model` and pass it to "
                    "`super().__init__` by a name in `generators`, `discriminators` or `frozen`."
                )

    # configuration and files

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, networks and losses among them."""
        serialize = keras.saving.serialize_keras_object
        config = {
            # A list is what files make of a tuple.
            name: serialize(list(value) if isinstance(value, tuple) else value)
            for name, value in self._arguments.items()
        }
        parameters = inspect.signature(type(self).__init__).parameters
        if "name" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            config["name"] = self.name
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Self:
        """The model that `get_config` described, with new weights."""
        load = keras.saving.deserialize_keras_object
        return cls(**{name: load(value, custom_objects) for name, value in config.items()})

    def save_own_variables(self, store: Any) -> None:
        """Also the seeds of the networks' random layers, which Keras leaves out of its files."""
        super().save_own_variables(store)
        for index, seed in enumerate(self._seeds):
            store[f"seed_{index}"] = seed

    def load_own_variables(self, store: Any) -> None:
        """What `save_own_variables` wrote."""
        seeds = {key: store[key] for key in store.keys() if key.startswith("seed_")}
        super().load_own_variables({key: store[key] for key in store.keys() if key not in seeds})
        for index, seed in enumerate(self._seeds):
            if f"seed_{index}" in seeds:
                seed.assign(seeds[f"seed_{index}"])

    @property
    def _seeds(self) -> list:
        memories = [layer for layer in self._flatten_layers() if isinstance(layer, ImageStore)]
        others = [*self.weights, *(v for memory in memories for v in memory.variables)]
        kept = {id(variable) for variable in others}
        return [variable for variable in self.variables if id(variable) not in kept]


def _layers_in(value: Any) -> list[keras.layers.Layer]:
    """The layers in an attribute: it, its items, or what a loss asks."""
    if isinstance(value, keras.layers.Layer):
        return [value]
    if isinstance(value, keras.losses.Loss):
        value = vars(value)
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set):
        return [layer for item in value for layer in _layers_in(item)]
    return []


def _refuse_shared(of: str, networks: Mapping[str, keras.Model]) -> None:
    """Raises where two networks have a variable in common, which files would tear apart."""
    owners: dict[int, tuple[str, keras.Model]] = {}
    for name, network in networks.items():
        for variable in network.variables:
            owner, other = owners.setdefault(id(variable), (name, network))
            if other is network and owner != name:
                raise ValueError(
                    f"A {of} was given the same network twice, as `{owner}` and `{name}`. Each "
                    "moves by itself: build one for every name."
                )
            if owner != name:
                raise ValueError(
                    f"The networks `{owner}` and `{name}` of a {of} share the variable "
                    f"{variable.path!r}. A file would hold it twice, and the networks would part "
                    "when they are loaded. Pass the shared part once, as a network of its own or "
                    "inside one of them, and derive the other from it in the constructor."
                )
