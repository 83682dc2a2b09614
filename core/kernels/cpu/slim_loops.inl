// The loops of slim_kernels() in resample.h. Included once by each slim*.cpp, see conv3x3_loops.inl.
//
// A pixel of x has 9 products with the weights of each output channel, one for each pixel of the result that sees it.
// They are made for a line at once, a vector being the taps, and then added up where they belong.
#include "kernels/cpu/lines.inl"
#include "kernels/cpu/resample.h"
#include "kernels/cpu/workspace.h"

namespace {

using ptk::kernels::cpu::ConvolutionShape;
using ptk::kernels::cpu::Workspace;
using ptk::kernels::cpu::workspace;

constexpr Size most_parts = 16;
constexpr Size band = 16; ///< lines of the result that one thread makes

Size taps_of(const ConvolutionShape& shape)
{
    return 9 * shape.out;
}

/// Where the weight of (line * 3 + column) * out + output channel stands.
Size weight_place(const ConvolutionShape& shape, Size tap, Size i)
{
    return (tap % shape.out * shape.in + i) * 9 + tap / shape.out;
}

/// Lines and pixels of x, which may be half of those of the result: each stands for two, and its products too.
struct Source {
    explicit Source(const ConvolutionShape& shape)
        : scale(shape.doubled ? 2 : 1), lines(shape.height / scale), pixels(shape.width / scale)
    {
    }
    /// Where the result's line or pixel @p place, from -1, lies in x.
    Size of(Size place) const { return scale == 2 ? (place + 2) / 2 - 1 : place; }
    Size scale, lines, pixels;
};

// ---- forward ----

/// Products of line @p y of an image: (pixel, tap).
void tap_line(const ConvolutionShape& shape, const float* image, const Packed& weights, Size y, float* products)
{
    const Size pixels = Source(shape).pixels;
    const Tap tap{image + y * pixels * shape.x_stride, 0, shape.in};
    multiply_line(weights, &tap, 1, shape.x_stride, pixels, products, weights.columns);
}

/// Line @p y of the result before bias and activation, pixels padded to whole vectors.
/// @param products  of lines y - 1, y, y + 1; null outside of the image
void add_taps(const ConvolutionShape& shape, const float* const (&products)[3], Size row, float* line)
{
    const Size pixel = padded(shape.out);
    const Source source(shape);
    for (Size x = 0; x < shape.width; ++x)
        for (Size o = 0; o < shape.out; ++o) {
            float sum = 0;
            for (Size u = 0; u < 3; ++u) {
                if (!products[u])
                    continue;
                const Size first = x > 0 ? 0 : 1, last = x + 1 < shape.width ? 3 : 2;
                for (Size v = first; v < last; ++v)
                    sum += products[u][source.of(x + v - 1) * row + (u * 3 + v) * shape.out + o];
            }
            line[x * pixel + o] = sum;
        }
}

void forward_band(const ConvolutionShape& shape, const float* x, const Packed& weights, Activation activation,
                  const Result& result, Size image, Size begin, float* space)
{
    const Source source(shape);
    const Size end = smaller(begin + band, shape.height), size = source.pixels * weights.columns;
    const float* first = x + image * source.lines * source.pixels * shape.x_stride;
    float* line = space + 3 * size;
    const auto products_of = [&](Size y) { return space + (source.of(y) + 3) % 3 * size; };
    Size next = source.of(begin - 1);
    for (Size y = begin; y < end; ++y) {
        for (; next <= source.of(y + 1); ++next)
            if (next >= 0 && next < source.lines)
                tap_line(shape, first, weights, next, space + (next + 3) % 3 * size);
        const float* const products[3] = {y > 0 ? products_of(y - 1) : nullptr, products_of(y),
                                          y + 1 < shape.height ? products_of(y + 1) : nullptr};
        add_taps(shape, products, weights.columns, line);
        finish_line(activation, result, (image * shape.height + y) * shape.width, shape.width, line);
    }
}

bool forward(const ConvolutionShape& shape, const float* x, const float* weight, const float* bias,
             Activation activation, float* y, float* slope, int threads)
{
    const Size taps = taps_of(shape), columns = padded(taps);
    float* packed = workspace(Workspace::Weights, shape.in * columns);
    if (!packed)
        return false;
    pack(
        shape.in, columns, [&](Size i, Size tap) { return tap < taps ? weight[weight_place(shape, tap, i)] : 0.0F; },
        packed);
    const Packed weights{packed, shape.in, columns};
    const Result result{y, slope, bias, shape.out};
    const Size bands = over(shape.height, band), count = shape.batch * bands;
    bool complete = true;
#pragma omp parallel for num_threads(threads) reduction(&& : complete) if (threads > 1 && count > 1)
    for (Size piece = 0; piece < count; ++piece) {
        float* own = workspace(Workspace::Rows, 3 * shape.width * columns + (shape.width + 1) * padded(shape.out));
        if (!own) {
            complete = false;
            continue;
        }
        forward_band(shape, x, weights, activation, result, piece / bands, piece % bands * band, own);
    }
    return complete;
}

// ---- backward ----

/// What backward() works on.
struct Call {
    const ConvolutionShape& shape;
    const float* x;
    Activation activation;
    const float* y;
    const float* dy;
    float* dx;
    bool weights;
    Packed packed;

    Size taps() const { return taps_of(shape); }
    /// Channels in whole vectors, which are read as they are; the rest is copied.
    Size whole() const { return shape.in / lanes * lanes; }
    Size rest() const { return shape.in - whole(); }
    Size image() const { return shape.height * shape.width; }
    Size sums() const { return taps() * padded(shape.in); }
    /// Gradient of an image, taps of a line, a line of dx, rest of a line of x.
    Size space() const
    {
        return image() * shape.out + lanes + shape.width * (taps() + padded(shape.in) + lanes) + padded(shape.in);
    }
};

template <class Source> void load_gradient_from(const Source& source, Size first, Size count, float* dz)
{
    Size i = 0;
    for (; i + lanes <= count; i += lanes)
        store(dz + i, source.template at<true>(first + i, lanes));
    if (i < count)
        store(dz + i, source.template at<false>(first + i, count - i));
}

void load_gradient(const Call& call, Size image, float* dz)
{
    const Size count = call.image() * call.shape.out, first = image * count;
    if (call.activation == Activation::Relu)
        return load_gradient_from(ThroughRelu{call.dy, call.y}, first, count, dz);
    if (call.activation == Activation::Gelu)
        return load_gradient_from(ThroughGelu{call.dy, call.y}, first, count, dz);
    load_gradient_from(Plain{call.dy}, first, count, dz);
}

/// gradient_taps() where each pixel of x stands for a square of four: the sum of theirs.
void doubled_gradient_taps(const ConvolutionShape& shape, const float* dz, Size y, float* taps)
{
    for (Size x = 0; x < shape.width / 2; ++x)
        for (Size u = 0; u < 3; ++u)
            for (Size v = 0; v < 3; ++v)
                for (Size o = 0; o < shape.out; ++o) {
                    float sum = 0;
                    for (Size row = 2 * y + 1 - u; row <= 2 * y + 2 - u; ++row)
                        for (Size column = 2 * x + 1 - v; column <= 2 * x + 2 - v; ++column)
                            if (row >= 0 && row < shape.height && column >= 0 && column < shape.width)
                                sum += dz[(row * shape.width + column) * shape.out + o];
                    *taps++ = sum;
                }
}

/// For each pixel of line @p y of x the gradients by the results that see it: (pixel, tap).
void gradient_taps(const ConvolutionShape& shape, const float* dz, Size y, float* taps)
{
    if (shape.doubled)
        return doubled_gradient_taps(shape, dz, y, taps);
    for (Size x = 0; x < shape.width; ++x)
        for (Size u = 0; u < 3; ++u)
            for (Size v = 0; v < 3; ++v) {
                const Size row = y + 1 - u, column = x + 1 - v;
                const bool there = row >= 0 && row < shape.height && column >= 0 && column < shape.width;
                for (Size o = 0; o < shape.out; ++o)
                    *taps++ = there ? dz[(row * shape.width + column) * shape.out + o] : 0.0F;
            }
}

void add_weight_products(const Call& call, const float* line, const float* taps, float* rest, float* sums)
{
    const Size width = Source(call.shape).pixels, stride = call.shape.x_stride, whole = call.whole();
    if (whole > 0)
        add_products(taps, call.taps(), call.taps(), line, stride, width, sums, whole);
    if (call.rest() == 0)
        return;
    for (Size x = 0; x < width; ++x)
        store(rest + x * lanes, load_part(line + x * stride + whole, call.rest()));
    add_products(taps, call.taps(), call.taps(), rest, lanes, width, sums + call.taps() * whole, lanes);
}

/// Images [begin, end), one after the other.
void backward_part(const Call& call, Size begin, Size end, float* space, float* sums, double* bias_sums)
{
    const auto& shape = call.shape;
    const Source source(shape);
    float* dz = space;
    float* taps = dz + call.image() * shape.out + lanes;
    float* rest = taps + shape.width * call.taps();
    float* line = rest + shape.width * lanes;
    for (Size o = 0; o < shape.out; ++o)
        bias_sums[o] = 0;
    for (Size i = 0; call.weights && i < call.sums(); ++i)
        sums[i] = 0;
    for (Size image = begin; image < end; ++image) {
        load_gradient(call, image, dz);
        for (Size i = 0; i < call.image(); ++i)
            for (Size o = 0; o < shape.out; ++o)
                bias_sums[o] += static_cast<double>(dz[i * shape.out + o]);
        for (Size y = 0; y < source.lines && (call.dx || call.weights); ++y) {
            gradient_taps(shape, dz, y, taps);
            const Size first = (image * source.lines + y) * source.pixels;
            if (call.weights)
                add_weight_products(call, call.x + first * shape.x_stride, taps, rest, sums);
            if (!call.dx)
                continue;
            const Tap tap{taps, 0, call.taps()};
            multiply_line(call.packed, &tap, 1, call.taps(), source.pixels, line, call.packed.columns);
            finish_line<Activation::None>({call.dx, nullptr, nullptr, shape.in}, first, source.pixels, line);
        }
    }
}

void finish_weights(const Call& call, const float* sums, Size parts, float* dweight)
{
    for (Size tap = 0; tap < call.taps(); ++tap)
        for (Size i = 0; i < call.shape.in; ++i) {
            const Size place = i < call.whole() ? tap * call.whole() + i
                                                : call.taps() * call.whole() + tap * lanes + (i - call.whole());
            float sum = 0;
            for (Size part = 0; part < parts; ++part)
                sum += sums[part * call.sums() + place];
            dweight[weight_place(call.shape, tap, i)] = sum;
        }
}

bool backward(const ConvolutionShape& shape, const float* x, const float* weight, Activation activation, const float* y,
              const float* dy, float* dx, float* dweight, float* dbias, int threads)
{
    const Size taps = taps_of(shape), columns = padded(shape.in), parts = smaller(shape.batch, most_parts);
    float* packed = workspace(Workspace::Weights, taps * columns);
    const Call call{shape, x, activation, y, dy, dx, dweight != nullptr, {packed, taps, columns}};
    const Size bias_space = 2 * padded(shape.out); // a double is two floats
    float* space = workspace(Workspace::Sums, parts * (bias_space + call.sums()));
    if (!packed || !space)
        return false;
    if (dx)
        pack(
            taps, columns, [&](Size tap, Size i) { return i < shape.in ? weight[weight_place(shape, tap, i)] : 0.0F; },
            packed);
    auto* bias_sums = reinterpret_cast<double*>(space);
    float* sums = space + parts * bias_space;
    bool complete = true;
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(&& : complete) if (threads > 1 && parts > 1)
    for (Size part = 0; part < parts; ++part) {
        float* own = workspace(Workspace::Rows, call.space());
        if (!own) {
            complete = false;
            continue;
        }
        backward_part(call, shape.batch * part / parts, shape.batch * (part + 1) / parts, own,
                      sums + part * call.sums(), bias_sums + part * padded(shape.out));
    }
    if (!complete)
        return false;
    if (dweight)
        finish_weights(call, sums, parts, dweight);
    for (Size o = 0; dbias && o < shape.out; ++o) {
        double sum = 0;
        for (Size part = 0; part < parts; ++part)
            sum += bias_sums[part * padded(shape.out) + o];
        dbias[o] = static_cast<float>(sum);
    }
    return true;
}

} // namespace
