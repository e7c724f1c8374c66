// Log mel energies or cepstra of a recording, as preprocess.json describes them under "sound".
function tables(about) {
  if (about.tables) return about.tables;
  const half = about.fft_samples / 2, angle = (i) => (2 * Math.PI * i) / about.fft_samples;
  const cos = Float64Array.from({ length: about.fft_samples }, (_, i) => Math.cos(angle(i)));
  const sin = Float64Array.from({ length: about.fft_samples }, (_, i) => Math.sin(angle(i)));
  return (about.tables = { half, cos, sin });
}

// Squared magnitudes of the discrete Fourier transform, by halves (Cooley and Tukey 1965).
function powers(frame, about) {
  const { fft_samples: size } = about, { half, cos, sin } = tables(about);
  const re = new Float64Array(size), im = new Float64Array(size);
  for (let i = 0, j = 0; i < size; i++) {
    re[j] = frame[i] ?? 0;
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
  }
  for (let width = 2; width <= size; width *= 2) {
    for (let start = 0; start < size; start += width) {
      for (let k = 0; k < width / 2; k++) {
        const a = start + k, b = a + width / 2, turn = (k * size) / width;
        const x = re[b] * cos[turn] + im[b] * sin[turn], y = im[b] * cos[turn] - re[b] * sin[turn];
        [re[b], im[b]] = [re[a] - x, im[a] - y];
        [re[a], im[a]] = [re[a] + x, im[a] + y];
      }
    }
  }
  return Float64Array.from({ length: half + 1 }, (_, i) => re[i] * re[i] + im[i] * im[i]);
}

export function features(samples, about) {
  const { window_samples: size, shift_samples: shift } = about;
  const mirrored = (i) => {
    while (i < 0 || i >= samples.length) i = i < 0 ? -i - 1 : 2 * samples.length - 1 - i;
    return samples[i];
  };
  const rows = [], count = Math.floor((samples.length + Math.floor(shift / 2)) / shift);
  for (let t = 0; t < count; t++) {
    const raw = Array.from({ length: size }, (_, i) => mirrored(i + about.first_sample + t * shift));
    const mean = raw.reduce((sum, value) => sum + value, 0) / size;
    const level = raw.map((value) => value - mean);
    const sharp = level.map((value, i) => value - about.preemphasis * level[Math.max(0, i - 1)]);
    const power = powers(sharp.map((value, i) => value * about.window[i]), about);
    const energies = about.filters.map(({ start, weights }) =>
      Math.log(Math.max(about.smallest, weights.reduce((sum, w, i) => sum + w * power[start + i], 0))));
    const cosines = about.cosines?.map((row) => row.reduce((sum, w, i) => sum + w * energies[i], 0));
    rows.push(cosines ?? energies);
  }
  return withoutLoudness(rows, about);
}

// As if the recording were of a set loudness: without the mean of all energies, or of the first cepstrum.
function withoutLoudness(rows, about) {
  const first = about.cosines ? 1 : rows[0]?.length ?? 0;
  const own = rows.flatMap((row) => row.slice(0, first));
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return Float32Array.from(rows.flatMap((row) => row.map((value, i) => (i < first ? value - mean : value))));
}

// What a linear model of the whole sequence reads of frames of `width` numbers each.
export function statistics(frames, width, about) {
  const steps = frames.length / width, mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const columns = Array.from({ length: width }, (_, f) => Array.from({ length: steps }, (_, t) => frames[t * width + f]));
  const sorted = columns.map((values) => [...values].sort((a, b) => a - b));
  const deviation = (values) => {
    const middle = mean(values);
    return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  };
  const change = (values) => (steps > 1 ? mean(values.slice(1).map((value, t) => Math.abs(value - values[t]))) : 0);
  const quantile = (values, share) => {
    const place = share * (steps - 1), low = Math.floor(place), high = Math.ceil(place);
    return values[low] + (place - low) * (values[high] - values[low]);
  };
  const found = [
    columns.map(mean), columns.map(deviation), sorted.map((values) => values[0]), sorted.map((values) => values[steps - 1]),
    columns.map((values) => values[0]), columns.map((values) => values[steps - 1]), columns.map(change),
    ...about.quantiles.map((share) => sorted.map((values) => quantile(values, share))), Math.log(steps),
  ].flat();
  return Float32Array.from(found, (value, i) => Math.min(10, Math.max(-10, (value - about.mean[i]) * about.scale[i])));
}
