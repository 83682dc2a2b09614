// The loops of pie.h. Included once by each pie*.cpp, which are compiled for different instruction sets: everything
// here has internal linkage and nothing calls inline functions of the standard library, so that the linker cannot mix
// the versions.
#include "kernels/cpu/pie.h"

namespace {

using Size = std::int64_t;

/// line(x) = row column(x)
void ramp_line(float* line, const float* row, const float* column, Size side)
{
    const float a = row[0], b = row[1];
#pragma omp simd
    for (Size x = 0; x < side; ++x) {
        line[2 * x] = a * column[2 * x] - b * column[2 * x + 1];
        line[2 * x + 1] = a * column[2 * x + 1] + b * column[2 * x];
    }
}

void multiply(float* out, const float* a, const float* b, Size count)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i) {
        const float re = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];
        const float im = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
        out[2 * i] = re;
        out[2 * i + 1] = im;
    }
}

/// out += a conj(b)
void add_conjugate_product(float* out, const float* a, const float* b, Size count)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i) {
        out[2 * i] += a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
        out[2 * i + 1] += a[2 * i + 1] * b[2 * i] - a[2 * i] * b[2 * i + 1];
    }
}

void add_squares(float* sum, const float* values, Size count)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i)
        sum[i] += values[2 * i] * values[2 * i] + values[2 * i + 1] * values[2 * i + 1];
}

void fill(float* out, float value, Size count)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i)
        out[i] = value;
}

void ramp(float* out, const float* in, const float* row, const float* column, float* line, Size modes, Size side)
{
    for (Size y = 0; y < side; ++y) {
        ramp_line(line, row + 2 * y, column, side);
        for (Size m = 0; m < modes; ++m) {
            const Size at = 2 * (m * side + y) * side;
            multiply(out + at, in + at, line, side);
        }
    }
}

void add_unramped(float* sum, const float* in, const float* row, const float* column, float* line, Size modes,
                  Size side)
{
    for (Size y = 0; y < side; ++y) {
        ramp_line(line, row + 2 * y, column, side);
        for (Size m = 0; m < modes; ++m) {
            const Size at = 2 * (m * side + y) * side;
            add_conjugate_product(sum + at, in + at, line, side);
        }
    }
}

void exit_wave(float* out, const float* probe, const float* object, Size stride, Size modes, Size side)
{
    for (Size m = 0; m < modes; ++m) {
        for (Size y = 0; y < side; ++y) {
            const Size at = 2 * (m * side + y) * side;
            multiply(out + at, probe + at, object + 2 * y * stride, side);
        }
    }
}

/// line(x) holds sum |field|^2 and gets the factor of the field: none where the amplitude is negative. @return sum (A -
/// a)^2
float impose_line(float* line, const float* amplitude, Size side)
{
    float error = 0;
#pragma omp simd reduction(+ : error)
    for (Size x = 0; x < side; ++x) {
        const float predicted = __builtin_sqrtf(line[x]);
        const float wanted = amplitude[x] < 0 ? predicted : amplitude[x];
        const float difference = predicted - wanted;
        error += difference * difference;
        line[x] = wanted / predicted - 1;
    }
    return error;
}

double impose(float* field, const float* amplitude, float* line, Size modes, Size side)
{
    double error = 0;
    for (Size y = 0; y < side; ++y) {
        fill(line, 1e-12F, side);
        for (Size m = 0; m < modes; ++m)
            add_squares(line, field + 2 * (m * side + y) * side, side);
        error += impose_line(line, amplitude + y * side, side);
        for (Size m = 0; m < modes; ++m) {
            float* row = field + 2 * (m * side + y) * side;
#pragma omp simd
            for (Size x = 0; x < side; ++x) {
                row[2 * x] *= line[x];
                row[2 * x + 1] *= line[x];
            }
        }
    }
    return error;
}

float largest_of(const float* values, Size count)
{
    float largest = 0;
#pragma omp simd reduction(max : largest)
    for (Size i = 0; i < count; ++i)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
}

float correlate(float* g, float* power, const float* probe, const float* difference, Size modes, Size side)
{
    float largest = 0;
    for (Size y = 0; y < side; ++y) {
        float* sum = g + 2 * y * side;
        float* squares = power + y * side;
        fill(sum, 0, 2 * side);
        fill(squares, 0, side);
        for (Size m = 0; m < modes; ++m) {
            const Size at = 2 * (m * side + y) * side;
            add_conjugate_product(sum, difference + at, probe + at, side);
            add_squares(squares, probe + at, side);
        }
        const float here = largest_of(squares, side);
        largest = here > largest ? here : largest;
    }
    return largest;
}

void probe_change(float* difference, const float* object, Size stride, float alpha, float step, float* line, Size modes,
                  Size side)
{
    float largest = 0;
    for (Size y = 0; y < side; ++y) {
        fill(line, 0, side);
        add_squares(line, object + 2 * y * stride, side);
        const float here = largest_of(line, side);
        largest = here > largest ? here : largest;
    }
    const float floor = alpha * largest + 1e-30F;
    for (Size y = 0; y < side; ++y) {
        const float* o = object + 2 * y * stride;
#pragma omp simd
        for (Size x = 0; x < side; ++x) { // conj(o) step / denominator
            const float re = o[2 * x], im = o[2 * x + 1];
            const float factor = step / ((1 - alpha) * (re * re + im * im) + floor);
            line[2 * x] = re * factor;
            line[2 * x + 1] = -im * factor;
        }
        for (Size m = 0; m < modes; ++m) {
            float* row = difference + 2 * (m * side + y) * side;
            multiply(row, row, line, side);
        }
    }
}

void object_change(float* object, Size stride, const float* g, const float* power, float largest, float alpha,
                   float step, Size side)
{
    const float floor = alpha * largest + 1e-30F;
    for (Size y = 0; y < side; ++y) {
        float* o = object + 2 * y * stride;
        const float* change = g + 2 * y * side;
        const float* squares = power + y * side;
#pragma omp simd
        for (Size x = 0; x < side; ++x) {
            const float factor = step / ((1 - alpha) * squares[x] + floor);
            o[2 * x] += change[2 * x] * factor;
            o[2 * x + 1] += change[2 * x + 1] * factor;
        }
    }
}

ptk::kernels::cpu::ShiftEquations shift_equations(const float* object, Size stride, const float* g, const float* power,
                                                  Size side)
{
    ptk::kernels::cpu::ShiftEquations sums;
    for (Size y = 1; y + 1 < side; ++y) {
        const float* above = object + 2 * (y - 1) * stride;
        const float* here = object + 2 * y * stride;
        const float* below = object + 2 * (y + 1) * stride;
        const float* change = g + 2 * y * side;
        const float* squares = power + y * side;
        float xx = 0, xy = 0, yy = 0, bx = 0, by = 0;
#pragma omp simd reduction(+ : xx, xy, yy, bx, by)
        for (Size x = 1; x < side - 1; ++x) {
            const float xr = 0.5F * (here[2 * x + 2] - here[2 * x - 2]),
                        xi = 0.5F * (here[2 * x + 3] - here[2 * x - 1]);
            const float yr = 0.5F * (below[2 * x] - above[2 * x]), yi = 0.5F * (below[2 * x + 1] - above[2 * x + 1]);
            xx += squares[x] * (xr * xr + xi * xi);
            xy += squares[x] * (xr * yr + xi * yi);
            yy += squares[x] * (yr * yr + yi * yi);
            bx += xr * change[2 * x] + xi * change[2 * x + 1];
            by += yr * change[2 * x] + yi * change[2 * x + 1];
        }
        sums.xx += xx;
        sums.xy += xy;
        sums.yy += yy;
        sums.x += bx;
        sums.y += by;
    }
    return sums;
}

constexpr ptk::kernels::cpu::PieLoops loops(const char* name)
{
    return {name, ramp, add_unramped, exit_wave, impose, correlate, probe_change, object_change, shift_equations};
}

} // namespace
