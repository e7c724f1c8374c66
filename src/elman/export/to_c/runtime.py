"""Functions of our own that the C source holds as far as it uses them.

They need no more than C99 and <math.h>, allocate nothing, and give the right limits for arguments
of any size; NaN stays NaN. The loops are written so that compilers vectorise them as they are,
without -ffast-math: a product's inner loop runs over the rows, whose sums do not depend on each
other, and the exponential has no branch.
"""

PANEL = 32  # rows of a matrix whose weights of one column lie side by side

FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "bits": (
        (),
        """
static inline uint32_t @bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
""",
    ),
    "from_bits": (
        (),
        """
static inline float @from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
""",
    ),
    "power": (
        ("from_bits",),
        """
/* 2 to the power of n, -126 <= n <= 127 */
static inline float @power(int32_t n)
{
    return @from_bits((uint32_t)(n + 127) << 23);
}
""",
    ),
    "series": (
        (),
        """
/* exp(r) - 1 for |r| <= ln(2) / 2, to 3e-8 of its value */
static inline float @series(float r)
{
    const float p = (0.00139354542f * r + 0.00836438313f) * r + 0.0416664481f;
    return r + r * r * ((p * r + 0.166665703f) * r + 0.5f);
}
""",
    ),
    "smaller": (
        (),
        """
/* The smaller of two floats that are not negative, as bits; the second one if the first is NaN */
static inline uint32_t @smaller(uint32_t a, uint32_t b)
{
    return (int32_t)a < (int32_t)b ? a : b;
}
""",
    ),
    "nan": (
        (),
        """
/* Bits that make a NaN of any number if the absolute value `a`, as bits, is one; else none */
static inline uint32_t @nan(uint32_t a)
{
    return 0x7fc00000u & (0u - ((0x7f800000u - a) >> 31));
}
""",
    ),
    "exp": (
        ("bits", "power", "series", "smaller", "nan"),
        """
/* 2^n exp(r), |x| limited to 104; the power comes in two halves, as it may overflow or vanish */
static inline float @exp(float x)
{
    const uint32_t b = @bits(x), a = b & 0x7fffffffu;
    const float c = @from_bits((b & 0x80000000u) | @smaller(a, 0x42d00000u));
    const int32_t n = (int32_t)(c * 1.44269504f + 151.5f), half = n >> 1;
    const float k = (float)(n - 151);
    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;
    const float y = (1.0f + @series(r)) * @power(half - 75) * @power(n - half - 76);
    return @from_bits(@bits(y) | @nan(a));
}
""",
    ),
    "sigmoid": (
        ("exp",),
        """
static inline float @sigmoid(float x)
{
    return 1.0f / (1.0f + @exp(-x));
}
""",
    ),
    "tanh": (
        ("bits", "power", "series", "smaller", "nan"),
        """
/* e / (e + 2) with e = exp(2 |x|) - 1, |x| limited to 10; e is exact where x is small */
static inline float @tanh(float x)
{
    const uint32_t b = @bits(x), a = b & 0x7fffffffu;
    const float c = 2.0f * @from_bits(@smaller(a, 0x41200000u));
    const int32_t n = (int32_t)(c * 1.44269504f + 0.5f);
    const float k = (float)n;
    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;
    const float s = @power(n), e = (s - 1.0f) + s * @series(r);
    return @from_bits(@bits(e / (e + 2.0f)) | (b & 0x80000000u) | @nan(a));
}
""",
    ),
    "softplus": (
        ("exp",),
        """
static inline float @softplus(float x)
{
    return x > 20.0f ? x : log1pf(@exp(x));
}
""",
    ),
    "relu": (
        (),
        """
static inline float @relu(float x)
{
    return x < 0.0f ? 0.0f : x;
}
""",
    ),
    "maximum": (
        (),
        """
static inline float @maximum(float a, float b)
{
    return a > b || a != a ? a : b;
}
""",
    ),
    "minimum": (
        (),
        """
static inline float @minimum(float a, float b)
{
    return a < b || a != a ? a : b;
}
""",
    ),
    "product": (
        (),
        """
/* y += W x; W is stored in panels of 32 rows, in each of them column after column */
static void @product(const float *restrict w, const float *restrict x, size_t rows,
    size_t columns, float *restrict y)
{
    const size_t rest = rows % 32, fours = columns - columns % 4;
    for (size_t panel = 0; panel < rows / 32; panel++, y += 32) {
        for (size_t k = 0; k < fours; k += 4, w += 128) {
            const float a = x[k], b = x[k + 1], c = x[k + 2], d = x[k + 3];
            for (size_t j = 0; j < 32; j++)
                y[j] += (w[j] * a + w[32 + j] * b) + (w[64 + j] * c + w[96 + j] * d);
        }
        for (size_t k = fours; k < columns; k++, w += 32)
            for (size_t j = 0; j < 32; j++)
                y[j] += w[j] * x[k];
    }
    for (size_t k = 0; k < columns; k++, w += rest)
        for (size_t j = 0; j < rest; j++)
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
    const size_t fours = columns - columns % 4;
    for (size_t first = 0; first < rows; first += 32, y += 32, scale += 32) {
        const size_t count = rows - first < 32 ? rows - first : 32, fast = count == 32 ? fours : 0;
        float sums[32] = {0.0f};
        for (size_t k = 0; k < fast; k += 4, w += 128) {
            const float a = x[k], b = x[k + 1], c = x[k + 2], d = x[k + 3];
            for (size_t j = 0; j < 32; j++)
                sums[j] += ((float)w[j] * a + (float)w[32 + j] * b)
                    + ((float)w[64 + j] * c + (float)w[96 + j] * d);
        }
        for (size_t k = fast; k < columns; k++, w += count)
            for (size_t j = 0; j < count; j++)
                sums[j] += (float)w[j] * x[k];
        for (size_t j = 0; j < count; j++)
            y[j] += scale[j] * sums[j];
    }
}
""",
    ),
    "sum": (
        (),
        """
/* The sum of (y - shift)^2, or without `square` of y - shift, in eight parts */
static float @sum(const float *restrict y, size_t count, float shift, int square)
{
    float parts[8] = {0.0f};
    size_t j = 0;
    for (; j + 8 <= count; j += 8)
        for (size_t k = 0; k < 8; k++) {
            const float d = y[j + k] - shift;
            parts[k] += square ? d * d : d;
        }
    for (; j < count; j++) {
        const float d = y[j] - shift;
        parts[j % 8] += square ? d * d : d;
    }
    return ((parts[0] + parts[1]) + (parts[2] + parts[3]))
        + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}
""",
    ),
    "layer_norm": (
        ("sum",),
        """
/* Mean 0 and variance 1, then times the gain if there is one */
static void @layer_norm(float *restrict y, const float *restrict gain, size_t count, float epsilon)
{
    const float mean = @sum(y, count, 0.0f, 0) / (float)count;
    const float variance = @sum(y, count, mean, 1) / (float)count;
    const float scale = 1.0f / sqrtf(variance + epsilon);
    for (size_t j = 0; j < count; j++)
        y[j] = (y[j] - mean) * (gain != NULL ? scale * gain[j] : scale);
}
""",
    ),
}


class Runtime:
    """Which functions a source uses; their names begin with the prefix.

    >>> runtime = Runtime("m_")
    >>> runtime.use("sigmoid")
    'm_sigmoid'
    >>> print(runtime.text().splitlines()[1])
    static inline uint32_t m_bits(float x)
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
