from elman.tasks.forecast.forecasts import Forecasts as Forecasts
from elman.tasks.forecast.settings import ForecastSettings as ForecastSettings
from elman.tasks.forecast.task import Forecast as Forecast
