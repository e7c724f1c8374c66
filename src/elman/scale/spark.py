"""Predictions in Spark: a model mapped over a DataFrame by `mapInArrow`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import SettingsError
from elman.scale.arrow_model import ArrowModel

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def predict(
    frame: "DataFrame", model: Path | str, *, column_prefix: str = "", **options: Any
) -> "DataFrame":
    """A DataFrame with the columns of `frame` and a saved model's answers to its rows.

    Nothing is computed before the result is used, as always in Spark; each task of the job then
    passes its rows through the model in batches. A task that fails or whose executor is lost is
    tried again by Spark, with the same answers.

    **Arguments:**

    - `frame`: a DataFrame with the columns that the model reads; see `Task.arrow`.
    - `model`: a folder that the driver and all executors can read, or `owner/name` on the hub.
      elman has to be installed for the executors' Python, too.
    - `column_prefix`, `options`: as in `Task.arrow`.

    Raises `DataError` where a column is missing.

    ```python
    spark = SparkSession.builder.getOrCreate()
    reviews = spark.read.parquet("s3://bucket/reviews")
    elman.scale.spark.predict(reviews, "/models/sentiment").write.parquet("s3://bucket/scored")
    ```
    """
    try:
        from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
    except ImportError:
        raise SettingsError("Spark needs pyspark: pip install 'elman[spark]'") from None
    mapped = ArrowModel(model, column_prefix=column_prefix, **options)
    schema = from_arrow_schema(mapped.schema(to_arrow_schema(frame.schema)))
    return frame.mapInArrow(mapped, schema)
