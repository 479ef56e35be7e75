"""Pages that show what a model does, each one file that needs nothing else."""

from keras_simgan.evaluation import Agreement, Evaluation, Verdict, evaluate, verdict
from keras_simgan.reporting.chart import line_chart, step_chart
from keras_simgan.reporting.html import Page, gallery, image_tag, pair_gallery, table

__all__ = [
    "Agreement",
    "Evaluation",
    "Page",
    "Verdict",
    "evaluate",
    "gallery",
    "image_tag",
    "line_chart",
    "pair_gallery",
    "step_chart",
    "table",
    "verdict",
]
