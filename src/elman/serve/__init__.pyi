from elman.serve.app import app as app
from elman.serve.background import background as background
from elman.serve.client import Client as Client
from elman.serve.client_async import AsyncClient as AsyncClient
from elman.serve.errors import ServerError as ServerError
from elman.serve.server import run as run
from elman.serve.settings import ServeSettings as ServeSettings
