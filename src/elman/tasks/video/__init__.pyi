from elman.tasks.video.settings import VideoSettings as VideoSettings
from elman.tasks.video.task import Video as Video
