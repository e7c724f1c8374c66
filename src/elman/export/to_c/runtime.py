"""Functions of our own that the C source holds as far as it uses them.

They need no more than C99 and <math.h>, allocate nothing, and give the right limits for arguments
of any size; NaN stays NaN. The loops are written so that compilers vectorise them as they are,
without -ffast-math: a product's inner loop runs over the rows, whose sums do not depend on each
other, and the exponential has no branch.
"""

PANEL = 32  # rows of a matrix whose weights of one column lie side by side

FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "power": (
        (),
        """
/* 2 to the power of n, -126 <= n <= 127 */
static float @power(int32_t n)
{
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
""",
    ),
    "series": (
        (),
        """
/* exp(r) - 1 for |r| <= ln(2) / 2, to 3e-8 of its value */
static float @series(float r)
{
    const float p = (0.00139354542f * r + 0.00836438313f) * r + 0.0416664481f;
    return r + r * r * ((p * r + 0.166665703f) * r + 0.5f);
}
""",
    ),
    "exp": (
        ("power", "series"),
        """
/* exp(x) = 2^n exp(r); the power is applied in two halves, so that it may overflow or vanish */
static float @exp(float x)
{
    const float low = x > -104.0f ? x : -104.0f;
    const float c = low < 89.0f ? low : 89.0f;
    const int32_t n = (int32_t)(c * 1.44269504f + (c < 0.0f ? -0.5f : 0.5f));
    const int32_t half = n / 2;
    const float k = (float)n;
    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;
    const float value = (1.0f + @series(r)) * @power(half) * @power(n - half);
    return x != x ? x : value;
}
""",
    ),
    "sigmoid": (
        ("exp",),
        """
static float @sigmoid(float x)
{
    return 1.0f / (1.0f + @exp(-x));
}
""",
    ),
    "tanh": (
        ("power", "series"),
        """
/* e / (e + 2) with e = exp(2 |x|) - 1, which is exact where x is small */
static float @tanh(float x)
{
    const float a = 2.0f * fabsf(x);
    const float c = a < 20.0f ? a : 20.0f;
    const int32_t n = (int32_t)(c * 1.44269504f + 0.5f);
    const float k = (float)n;
    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;
    const float scale = @power(n);
    const float e = (scale - 1.0f) + scale * @series(r);
    return x != x ? x : copysignf(e / (e + 2.0f), x);
}
""",
    ),
    "softplus": (
        ("exp",),
        """
static float @softplus(float x)
{
    return x > 20.0f ? x : log1pf(@exp(x));
}
""",
    ),
    "relu": (
        (),
        """
static float @relu(float x)
{
    return x < 0.0f ? 0.0f : x;
}
""",
    ),
    "maximum": (
        (),
        """
static float @maximum(float a, float b)
{
    return a > b || a != a ? a : b;
}
""",
    ),
    "minimum": (
        (),
        """
static float @minimum(float a, float b)
{
    return a < b || a != a ? a : b;
}
""",
    ),
    "product": (
        (),
        """
/* y += W x; W is stored in panels of 32 rows, in each of them column after column */
static void @product(const float *restrict w, const float *restrict x, size_t rows, size_t columns,
    float *restrict y)
{
    for (; rows >= 32; rows -= 32, y += 32) {
        size_t k = 0;
        for (; k + 4 <= columns; k += 4, w += 128) {
            const float a = x[k], b = x[k + 1], c = x[k + 2], d = x[k + 3];
            for (size_t j = 0; j < 32; j++)
                y[j] += (w[j] * a + w[32 + j] * b) + (w[64 + j] * c + w[96 + j] * d);
        }
        for (; k < columns; k++, w += 32)
            for (size_t j = 0; j < 32; j++)
                y[j] += w[j] * x[k];
    }
    if (rows > 0)
        for (size_t k = 0; k < columns; k++, w += rows)
            for (size_t j = 0; j < rows; j++)
                y[j] += w[j] * x[k];
}
""",
    ),
    "product_int8": (
        (),
        """
/* y += scale (W x), W in bytes, a scale for each row; stored as for `product` */
static void @product_int8(const int8_t *restrict w, const float *restrict scale,
    const float *restrict x, size_t rows, size_t columns, float *restrict y)
{
    float sums[32];
    for (; rows > 0; y += 32, scale += 32) {
        const size_t count = rows < 32 ? rows : 32;
        size_t k = 0;
        for (size_t j = 0; j < 32; j++)
            sums[j] = 0.0f;
        for (; count == 32 && k + 4 <= columns; k += 4, w += 128) {
            const float a = x[k], b = x[k + 1], c = x[k + 2], d = x[k + 3];
            for (size_t j = 0; j < 32; j++)
                sums[j] += ((float)w[j] * a + (float)w[32 + j] * b)
                    + ((float)w[64 + j] * c + (float)w[96 + j] * d);
        }
        for (; k < columns; k++, w += count)
            for (size_t j = 0; j < count; j++)
                sums[j] += (float)w[j] * x[k];
        for (size_t j = 0; j < count; j++)
            y[j] += scale[j] * sums[j];
        rows -= count;
    }
}
""",
    ),
    "layer_norm": (
        (),
        """
/* Mean 0 and variance 1, then times the gain if there is one; sums in eight parts */
static void @layer_norm(float *restrict y, const float *restrict gain, size_t count, float epsilon)
{
    float part[8] = {0.0f}, mean, scale;
    for (size_t j = 0; j < count; j++)
        part[j % 8] += y[j];
    mean = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    mean /= (float)count;
    for (size_t j = 0; j < 8; j++)
        part[j] = 0.0f;
    for (size_t j = 0; j < count; j++) {
        y[j] -= mean;
        part[j % 8] += y[j] * y[j];
    }
    scale = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    scale = 1.0f / sqrtf(scale / (float)count + epsilon);
    for (size_t j = 0; j < count; j++)
        y[j] *= gain != NULL ? scale * gain[j] : scale;
}
""",
    ),
}


class Runtime:
    """Which functions a source uses; their names begin with the prefix.

    >>> runtime = Runtime("m_")
    >>> runtime.use("sigmoid")
    'm_sigmoid'
    >>> [line for line in runtime.text().splitlines() if line.startswith("static")]
    ['static float m_power(int32_t n)', 'static float m_series(float r)', \
'static float m_exp(float x)', 'static float m_sigmoid(float x)']
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._used: set[str] = set()

    def use(self, name: str) -> str:
        """The name of a function in C; it and what it calls are emitted."""
        self._used.add(name)
        for other in FUNCTIONS[name][0]:
            self.use(other)
        return self.prefix + name

    def text(self) -> str:
        """The definitions of all that is used, in an order in which C can read them."""
        used = (text for name, (_, text) in FUNCTIONS.items() if name in self._used)
        return "".join(text.replace("@", self.prefix) for text in used)
