"""Pages that show what a model does, each one file that needs nothing else."""

from keras_simgan.reporting.html import Page, image_tag, line_chart, pair_gallery, table

__all__ = ["Page", "image_tag", "line_chart", "pair_gallery", "table"]
