"""The only room that knows which backend runs.

Each backend's module offers the same names, and the rest of the project uses them from here:

- `value_and_gradients(function, variables, state)`: a loss and its gradients.
- `input_gradient(function, inputs, state)`: the gradient of the sum of `function(inputs)` with
  respect to `inputs`, a tensor; differentiable again, with respect to variables and inputs.
- `branch(condition, if_true, if_false, state)`: one of two functions, side effects
  included, in the graph.
- `across_devices(function, tensors)`: what a function makes of the whole batch, where several
  devices have shares of it; and of that this device's share.
- `first_row(count)`: where in the whole batch this device's share begins.
- `TrainingSteps`: `train_step` and `test_step` of a model that has `adversarial_step` and
  `validation_step`, with the signatures that `keras.Model.fit` expects on that backend.
- `export_network(network, filepath, format)`: a network's inference for other runtimes.

`state` lists every `keras.Variable` that the functions may read or assign. TensorFlow and torch
assign in place and ignore it; JAX carries these values through its transformations.
"""

import keras

from keras_simgan.backend.exporting import export_network

if keras.config.backend() == "tensorflow":
    from keras_simgan.backend.tensorflow_steps import (
        TrainingSteps,
        across_devices,
        branch,
        first_row,
        input_gradient,
        value_and_gradients,
    )
elif keras.config.backend() == "torch":
    from keras_simgan.backend.torch_steps import (
        TrainingSteps,
        across_devices,
        branch,
        first_row,
        input_gradient,
        value_and_gradients,
    )
elif keras.config.backend() == "jax":
    from keras_simgan.backend.jax_steps import (
        TrainingSteps,
        across_devices,
        branch,
        first_row,
        input_gradient,
        value_and_gradients,
    )
else:
    raise ImportError(
        f"keras_simgan trains on TensorFlow, JAX and torch; the Keras backend is "
        f"{keras.config.backend()!r}. Set KERAS_BACKEND to 'tensorflow', 'jax' or 'torch'."
    )

__all__ = [
    "TrainingSteps",
    "across_devices",
    "branch",
    "export_network",
    "first_row",
    "input_gradient",
    "value_and_gradients",
]
