// The frames of a film or of pictures, as bytes of red, green and blue.

const MOST = 1000; // frames
const USUAL = 10; // frames a second, where the model takes any
const TIMES = 4; // as large as the model's frames at most; the server brings them to its size

const name = (file) => file.name;

/** Frames of one size, { frames, width, height, rate }; rate is null of pictures. */
export async function framesOf(files, { rate, size, signal, onframe }) {
  const isFilm = files.length === 1 && !files[0].type.startsWith("image/");
  if (isFilm) return ofFilm(files[0], { rate: rate ?? USUAL, size, signal, onframe });
  const sorted = [...files].sort((a, b) => name(a).localeCompare(name(b), "en", { numeric: true }));
  const frames = [];
  let canvas = null;
  for (const file of sorted.slice(0, MOST)) {
    signal.throwIfAborted();
    let picture;
    try {
      picture = await createImageBitmap(file);
    } catch {
      throw new Error(`${file.name} is no picture that this browser can read`);
    }
    canvas ??= new Canvas(picture.width, picture.height, size);
    frames.push(canvas.bytes(picture));
    picture.close();
    onframe(frames.length);
  }
  return { frames, width: canvas.width, height: canvas.height, rate: null };
}

async function ofFilm(file, { rate, size, signal, onframe }) {
  const film = document.createElement("video");
  film.muted = true;
  film.preload = "auto";
  film.src = URL.createObjectURL(file);
  try {
    await event(film, "loadeddata", `${file.name} is no film that this browser can play`);
    if (!Number.isFinite(film.duration)) await wholeLength(film);
    const canvas = new Canvas(film.videoWidth, film.videoHeight, size);
    const count = Math.min(MOST, Math.max(1, Math.round(film.duration * rate)));
    const frames = [];
    for (let i = 0; i < count; i++) {
      signal.throwIfAborted();
      film.currentTime = Math.min((i + 0.5) / rate, film.duration);
      await event(film, "seeked", `${file.name} cannot be read to its end`);
      frames.push(canvas.bytes(film));
      onframe(frames.length);
    }
    return { frames, width: canvas.width, height: canvas.height, rate };
  } finally {
    URL.revokeObjectURL(film.src);
  }
}

/** Films that were recorded in a browser tell how long they are only at their end. */
async function wholeLength(film) {
  film.currentTime = 1e6;
  await event(film, "seeked", "The film has no end");
}

const event = (film, kind, problem) => new Promise((resolve, reject) => {
  film.addEventListener(kind, resolve, { once: true });
  film.addEventListener("error", () => reject(new Error(problem)), { once: true });
});

class Canvas {
  constructor(width, height, [high, wide]) {
    const scale = Math.min(1, Math.max((TIMES * wide) / width, (TIMES * high) / height));
    [this.width, this.height] = [width, height].map((each) => Math.max(1, Math.round(scale * each)));
    this.context = new OffscreenCanvas(this.width, this.height).getContext("2d", { willReadFrequently: true });
  }

  bytes(picture) {
    this.context.drawImage(picture, 0, 0, this.width, this.height);
    const { data } = this.context.getImageData(0, 0, this.width, this.height);
    const found = new Uint8Array(3 * this.width * this.height);
    for (let i = 0, k = 0; i < data.length; i++) if (i % 4 !== 3) found[k++] = data[i];
    return found;
  }
}
