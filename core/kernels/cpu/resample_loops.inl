// The loops of resample.h. Included once by each resample*.cpp, see conv3x3_loops.inl.
//
// All are matrix products over the channels of a line of pixels. Channels lie together in memory, so the values that a
// pixel needs from one line of the other image are one run: three pixels of the large image in the 3 x 3 convolution,
// two in the 2 x 2 one.
#include "kernels/cpu/lines.inl"
#include "kernels/cpu/resample.h"
#include "kernels/cpu/workspace.h"

namespace {

using ptk::kernels::cpu::ConvolutionShape;
using ptk::kernels::cpu::Workspace;
using ptk::kernels::cpu::workspace;

constexpr Size most_parts = 16;

// ---- gradients by the result before the activation ----

/// One image of them: pixels padded to whole vectors; before the first pixel and after the last of each line is one of
/// zeros.
struct Gradient {
    float* data;
    Size height, width, channels;
    Size pixel() const { return padded(channels); }
    Size line() const { return (width + 1) * pixel(); }
    Size size() const { return height * line(); }
};

template <class Source> void load_gradient_from(const Source& source, Size first, const Gradient& to, double* sums)
{
    for (Size y = 0; y < to.height; ++y) {
        for (Size channel = 0; channel < to.channels; channel += lanes) {
            const Size count = smaller(lanes, to.channels - channel);
            Vector sum = {};
            for (Size x = 0; x < to.width; ++x) {
                const Size index = ((first + y) * to.width + x) * to.channels + channel;
                const Vector value =
                    count == lanes ? source.template at<true>(index, count) : source.template at<false>(index, count);
                store(to.data + y * to.line() + x * to.pixel() + channel, value);
                sum += value;
            }
            store(to.data + y * to.line() + to.width * to.pixel() + channel, Vector{});
            for (Size lane = 0; lane < count; ++lane)
                sums[channel + lane] += static_cast<double>(sum[lane]);
        }
    }
}

/// What backward() is called with.
struct Call {
    const ConvolutionShape& shape;
    const float* x;
    Activation activation;
    const float* y;
    const float* dy;
    float* dx;
    bool weights;
};

/// @param sums  of the gradient over pixels, added to
void load_gradient(const Call& call, Size image, const Gradient& to, double* sums)
{
    const Size first = image * to.height;
    if (call.activation == Activation::Relu)
        return load_gradient_from(ThroughRelu{call.dy, call.y}, first, to, sums);
    if (call.activation == Activation::Gelu)
        return load_gradient_from(ThroughGelu{call.dy, call.y}, first, to, sums);
    load_gradient_from(Plain{call.dy}, first, to, sums);
}

// ---- 3 x 3 convolution, as it is or with stride 2 ----

template <Size stride> struct Direct {
    explicit Direct(const ConvolutionShape& shape)
        : x_line(shape.width * shape.in), height(over(shape.height, stride)), width(over(shape.width, stride)),
          shape(shape)
    {
    }

    static Size weight_depth(const ConvolutionShape& shape) { return 9 * shape.in; }
    static Size weight_columns(const ConvolutionShape& shape) { return padded(shape.out); }
    static Size gradient_depth(const ConvolutionShape& shape) { return 9 * padded(shape.out); }
    static Size sums(const ConvolutionShape& shape) { return 9 * shape.in * padded(shape.out); }

    /// Rows: line, column, input channel.
    static void pack_weights(const ConvolutionShape& shape, const float* weight, float* packed)
    {
        pack(
            9 * shape.in, padded(shape.out),
            [&](Size row, Size column) {
                return column < shape.out ? weight[(column * shape.in + row % shape.in) * 9 + row / shape.in] : 0.0F;
            },
            packed);
    }

    /// Rows: line, column reversed, output channel. With stride 2 two matrices: for pixels over the middle column of
    /// their neighbours, and for those between two of them.
    static void pack_gradient_weights(const ConvolutionShape& shape, const float* weight, float* packed)
    {
        const Size out = padded(shape.out), columns = padded(shape.in);
        const auto value = [&](Size line, Size tap, Size o, Size i) {
            return o < shape.out && i < shape.in ? weight[(o * shape.in + i) * 9 + line * 3 + tap] : 0.0F;
        };
        if constexpr (stride == 1) {
            const auto reversed = [&](Size row, Size i) {
                return value(row / (3 * out), 2 - row / out % 3, row % out, i);
            };
            return pack(9 * out, columns, reversed, packed);
        }
        const auto middle = [&](Size row, Size i) { return value(row / out, 1, row % out, i); };
        const auto sides = [&](Size row, Size i) {
            return value(row / (2 * out), row / out % 2 == 0 ? 2 : 0, row % out, i);
        };
        pack(3 * out, columns, middle, packed);
        pack(6 * out, columns, sides, packed + 3 * out * columns);
    }

    /// use(first pixel, pixels, first column of the 3, columns) for runs of pixels with the same columns beneath.
    template <class Use> void each_run(const Use& use) const
    {
        const Size inner = shape.width >= 2 + stride ? (shape.width - 2) / stride : 0;
        use(0, 1, 1, shape.width > 1 ? 2 : 1);
        if (inner > 0)
            use(1, inner, 0, 3);
        if (width > inner + 1)
            use(inner + 1, 1, 0, 2);
    }

    /// The lines of the large image beneath line @p y: taps of a run.
    Size taps(const float* image, Size y, Size pixel, Size column, Size columns, Tap (&taps)[3]) const
    {
        Size count = 0;
        for (Size line = 0; line < 3; ++line) {
            const Size row = stride * y + line - 1;
            if (row >= 0 && row < shape.height)
                taps[count++] = {image + row * x_line + (stride * pixel + column - 1) * shape.in,
                                 (line * 3 + column) * shape.in, columns * shape.in};
        }
        return count;
    }

    void forward_line(const float* x, const Packed& weights, Size image, Size y, float* line) const
    {
        each_run([&](Size pixel, Size pixels, Size column, Size columns) {
            Tap found[3];
            const Size count = taps(x + image * shape.height * x_line, y, pixel, column, columns, found);
            multiply_line(weights, found, count, stride * shape.in, pixels, line + pixel * weights.columns,
                          weights.columns);
        });
    }

    /// Line @p row of the gradient by x.
    void gradient_line(const Gradient& dz, const float* packed, Size row, float* line) const
    {
        if constexpr (stride == 1)
            same_gradient_line(dz, packed, row, line);
        else
            wide_gradient_line(dz, packed, row, line);
    }

    void same_gradient_line(const Gradient& dz, const float* packed, Size row, float* line) const
    {
        const Size out = dz.pixel(), columns = padded(shape.in);
        Tap found[3];
        Size count = 0;
        for (Size weight_line = 0; weight_line < 3; ++weight_line) {
            const Size from = row + 1 - weight_line;
            // Before a line's first pixel are the zeros after the line above.
            if (from >= 0 && from < height)
                found[count++] = {dz.data + from * dz.line() - out, weight_line * 3 * out, 3 * out};
        }
        multiply_line({packed, 9 * out, columns}, found, count, out, width, line, columns);
    }

    void wide_gradient_line(const Gradient& dz, const float* packed, Size row, float* line) const
    {
        const Size out = dz.pixel(), columns = padded(shape.in), y = row / 2;
        const Packed over_one{packed, 3 * out, columns}, between{packed + 3 * out * columns, 6 * out, columns};
        Tap one[2], two[2];
        Size count = 0;
        const auto add = [&](Size from, Size weight_line) {
            const float* values = dz.data + from * dz.line();
            one[count] = {values, weight_line * out, out};
            two[count++] = {values, weight_line * 2 * out, 2 * out};
        };
        if (row % 2 == 0) {
            add(y, 1);
        } else {
            add(y, 2);
            if (y + 1 < height)
                add(y + 1, 0);
        }
        multiply_line(over_one, one, count, out, width, line, 2 * columns);
        multiply_line(between, two, count, out, shape.width / 2, line + columns, 2 * columns);
    }

    void add_weight_products(const float* image, const Gradient& dz, Size y, float* sums) const
    {
        each_run([&](Size pixel, Size pixels, Size column, Size columns) {
            Tap found[3];
            const Size count = taps(image, y, pixel, column, columns, found);
            for (Size tap = 0; tap < count; ++tap)
                add_products(found[tap].values, stride * shape.in, found[tap].depth,
                             dz.data + y * dz.line() + pixel * dz.pixel(), dz.pixel(), pixels,
                             sums + found[tap].first * dz.pixel(), dz.pixel());
        });
    }

    /// Where sum (row, column) belongs: (out, in, 3, 3).
    static Size weight_place(const ConvolutionShape& shape, Size row, Size out)
    {
        return (out * shape.in + row % shape.in) * 9 + row / shape.in;
    }
    static Size sum_rows(const ConvolutionShape& shape) { return 9 * shape.in; }

    Size x_line;
    Size height, width; ///< of the result
    const ConvolutionShape& shape;
};

// ---- 2 x 2 transposed convolution with stride 2 ----

struct Up {
    explicit Up(const ConvolutionShape& shape)
        : x_line(shape.width * shape.in), height(2 * shape.height), width(2 * shape.width), shape(shape)
    {
    }

    static Size weight_depth(const ConvolutionShape& shape) { return 2 * shape.in; }
    static Size weight_columns(const ConvolutionShape& shape) { return 2 * padded(shape.out); }
    static Size gradient_depth(const ConvolutionShape& shape) { return 4 * padded(shape.out); }
    static Size sums(const ConvolutionShape& shape) { return 4 * shape.in * padded(shape.out); }

    /// Rows: line, input channel. Columns: column, output channel.
    static void pack_weights(const ConvolutionShape& shape, const float* weight, float* packed)
    {
        const Size out = padded(shape.out);
        pack(
            2 * shape.in, 2 * out,
            [&](Size row, Size column) {
                const Size o = column % out;
                const Size place = (row % shape.in * shape.out + o) * 4 + row / shape.in * 2 + column / out;
                return o < shape.out ? weight[place] : 0.0F;
            },
            packed);
    }

    /// Rows: line, column, output channel.
    static void pack_gradient_weights(const ConvolutionShape& shape, const float* weight, float* packed)
    {
        const Size out = padded(shape.out);
        pack(
            4 * out, padded(shape.in),
            [&](Size row, Size i) {
                const Size o = row % out;
                return o < shape.out && i < shape.in ? weight[(i * shape.out + o) * 4 + row / out] : 0.0F;
            },
            packed);
    }

    void forward_line(const float* x, const Packed& weights, Size image, Size y, float* line) const
    {
        const Tap tap{x + (image * shape.height + y / 2) * x_line, y % 2 * shape.in, shape.in};
        multiply_line(weights, &tap, 1, shape.in, shape.width, line, weights.columns);
    }

    void gradient_line(const Gradient& dz, const float* packed, Size row, float* line) const
    {
        const Size out = dz.pixel(), columns = padded(shape.in);
        const Tap taps[2] = {{dz.data + 2 * row * dz.line(), 0, 2 * out},
                             {dz.data + (2 * row + 1) * dz.line(), 2 * out, 2 * out}};
        multiply_line({packed, 4 * out, columns}, taps, 2, 2 * out, shape.width, line, columns);
    }

    void add_weight_products(const float* image, const Gradient& dz, Size y, float* sums) const
    {
        add_products(image + y / 2 * x_line, shape.in, shape.in, dz.data + y * dz.line(), 2 * dz.pixel(), shape.width,
                     sums + y % 2 * shape.in * 2 * dz.pixel(), 2 * dz.pixel());
    }

    /// Where the sum of a row (line, column of the 2, input channel) belongs: (in, out, 2, 2).
    static Size weight_place(const ConvolutionShape& shape, Size row, Size out)
    {
        const Size i = row / 2 % shape.in, line = row / 2 / shape.in, column = row % 2;
        return (i * shape.out + out) * 4 + line * 2 + column;
    }
    static Size sum_rows(const ConvolutionShape& shape) { return 4 * shape.in; }

    Size x_line;
    Size height, width; ///< of the result
    const ConvolutionShape& shape;
};

// ---- both ----

template <class Direction>
bool forward(const ConvolutionShape& shape, const float* x, const float* weight, const float* bias,
             Activation activation, float* y, float* slope, int threads)
{
    const Direction direction(shape);
    const Packed weights{
        workspace(Workspace::Weights, Direction::weight_depth(shape) * Direction::weight_columns(shape)),
        Direction::weight_depth(shape), Direction::weight_columns(shape)};
    if (!weights.data)
        return false;
    Direction::pack_weights(shape, weight, const_cast<float*>(weights.data));
    const Result result{y, slope, bias, shape.out};
    const Size lines = shape.batch * direction.height;
    bool complete = true;
#pragma omp parallel for num_threads(threads) reduction(&& : complete) if (threads > 1 && lines > 1)
    for (Size line = 0; line < lines; ++line) {
        float* own = workspace(Workspace::Rows, (direction.width + 1) * padded(shape.out));
        if (!own) {
            complete = false;
            continue;
        }
        direction.forward_line(x, weights, line / direction.height, line % direction.height, own);
        finish_line(activation, result, line * direction.width, direction.width, own);
    }
    return complete;
}

/// Images [begin, end), one after the other.
template <class Direction>
void backward_part(const Direction& direction, const Call& call, const float* packed, Size begin, Size end,
                   float* space, float* sums, double* bias_sums)
{
    const auto& shape = call.shape;
    for (Size channel = 0; channel < padded(shape.out); ++channel)
        space[channel] = 0;
    const Gradient dz{space + padded(shape.out), direction.height, direction.width, shape.out};
    float* line = dz.data + dz.size();
    const Size image_size = shape.height * shape.width * shape.in;
    for (Size channel = 0; channel < shape.out; ++channel)
        bias_sums[channel] = 0;
    for (Size i = 0; call.weights && i < Direction::sums(shape); ++i)
        sums[i] = 0;
    for (Size image = begin; image < end; ++image) {
        load_gradient(call, image, dz, bias_sums);
        for (Size row = 0; call.dx && row < shape.height; ++row) {
            direction.gradient_line(dz, packed, row, line);
            finish_line<Activation::None>({call.dx, nullptr, nullptr, shape.in},
                                          (image * shape.height + row) * shape.width, shape.width, line);
        }
        for (Size y = 0; call.weights && y < direction.height; ++y)
            direction.add_weight_products(call.x + image * image_size, dz, y, sums);
    }
}

template <class Direction>
void finish_weights(const ConvolutionShape& shape, const float* sums, Size parts, float* dweight)
{
    const Size columns = padded(shape.out), rows = Direction::sum_rows(shape);
    for (Size row = 0; row < rows; ++row) {
        for (Size first = 0; first < shape.out; first += lanes) {
            Vector sum = {};
            for (Size part = 0; part < parts; ++part)
                sum += load(sums + (part * rows + row) * columns + first);
            for (Size lane = 0; lane < smaller(lanes, shape.out - first); ++lane)
                dweight[Direction::weight_place(shape, row, first + lane)] = sum[lane];
        }
    }
}

template <class Direction>
bool backward(const ConvolutionShape& shape, const float* x, const float* weight, Activation activation, const float* y,
              const float* dy, float* dx, float* dweight, float* dbias, int threads)
{
    const Direction direction(shape);
    const Call call{shape, x, activation, y, dy, dx, dweight != nullptr};
    const Size sum_size = dweight ? Direction::sums(shape) : 0, out = padded(shape.out);
    constexpr Size budget = Size{1} << 20; // floats
    const Size parts = smaller(smaller(shape.batch, most_parts), larger(2, budget / Direction::sums(shape)));
    const Size used = smaller(parts, shape.batch);
    float* packed = workspace(Workspace::Weights, Direction::gradient_depth(shape) * padded(shape.in));
    float* space = workspace(Workspace::Sums, used * (2 * out + sum_size));
    if (!packed || !space)
        return false;
    if (dx)
        Direction::pack_gradient_weights(shape, weight, packed);
    auto* bias_sums = reinterpret_cast<double*>(space); // a double is two floats
    float* sums = space + used * 2 * out;
    const Size gradient = Gradient{nullptr, direction.height, direction.width, shape.out}.size();
    const Size line = (shape.width + 1) * padded(shape.in);
    bool complete = true;
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(&& : complete) if (threads > 1 && used > 1)
    for (Size part = 0; part < used; ++part) {
        float* own = workspace(Workspace::Rows, padded(shape.out) + gradient + line);
        if (!own) {
            complete = false;
            continue;
        }
        backward_part(direction, call, packed, shape.batch * part / used, shape.batch * (part + 1) / used, own,
                      sums + part * sum_size, bias_sums + part * out);
    }
    if (!complete)
        return false;
    if (dweight)
        finish_weights<Direction>(shape, sums, used, dweight);
    for (Size channel = 0; dbias && channel < shape.out; ++channel) {
        double sum = 0;
        for (Size part = 0; part < used; ++part)
            sum += bias_sums[part * out + channel];
        dbias[channel] = static_cast<float>(sum);
    }
    return true;
}

using Narrow = Direct<1>;
using Down = Direct<2>;

} // namespace
