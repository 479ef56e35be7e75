import importlib

import keras

from keras_simgan.registration import CLASSES, PREFIX, StandIn


def test_every_class_that_files_may_name_has_a_stand_in():
    for room, names in CLASSES.items():
        module = importlib.import_module(f"keras_simgan.{room}")
        for name in names:
            held = getattr(module, name)
            assert keras.saving.get_registered_name(held) == PREFIX + name
            assert StandIn(room, name).resolve() is held
    named = {PREFIX + name for names in CLASSES.values() for name in names}
    registered = {name for name in keras.saving.get_custom_objects() if name.startswith(PREFIX)}
    assert registered == named


def test_a_stand_in_builds_what_it_stands_for():
    schedule = StandIn("schedules", "Alternate").from_config({"generator": 2})
    assert schedule.generator == 2
