"""The page `report.html` that a training run leaves in its folder."""
