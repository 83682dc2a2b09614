#include "kernels/cpu/pie.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <random>

namespace ptk::kernels::cpu {

namespace {

using Complex = std::complex<double>;

/// Random complex arrays as floats, and as what they are for the formulas.
struct Waves {
    Waves(std::int64_t count, unsigned seed) : values(2 * count)
    {
        std::mt19937 random(seed);
        std::normal_distribution<float> normal;
        for (auto& value : values)
            value = normal(random);
    }
    Complex operator[](std::int64_t i) const { return {values[2 * i], values[2 * i + 1]}; }
    float* data() { return values.data(); }
    std::vector<float> values;
};

/// Instruction set (0: portable, 1: the best of this machine), modes, side: full vectors, tails, less than one vector.
class PieLoopsTest : public ::testing::TestWithParam<std::tuple<int, int, int>> {
protected:
    const PieLoops& loops = std::get<0>(GetParam()) == 0 ? pie_loops(InstructionSet::Portable) : pie_loops();
    const std::int64_t modes = std::get<1>(GetParam()), side = std::get<2>(GetParam()), stride = side + 7;
    std::vector<float> line = std::vector<float>(2 * side);
    Waves a{modes * side * side, 1}, b{modes * side * side, 2}, row{side, 3}, column{side, 4}, object{side * stride, 5};

    std::int64_t index(std::int64_t m, std::int64_t y, std::int64_t x) const { return (m * side + y) * side + x; }
    Complex pixel(std::int64_t y, std::int64_t x) const { return object[y * stride + x]; }
    template <class Use> void each(Use&& use) const
    {
        for (std::int64_t m = 0; m < modes; ++m) {
            for (std::int64_t y = 0; y < side; ++y) {
                for (std::int64_t x = 0; x < side; ++x)
                    use(m, y, x, index(m, y, x));
            }
        }
    }
    static void near(Complex actual, Complex expected, double tolerance = 1e-5)
    {
        ASSERT_LE(std::abs(actual - expected), tolerance * std::max(1.0, std::abs(expected)));
    }
};

TEST_P(PieLoopsTest, RampAndBack)
{
    Waves out(modes * side * side, 9);
    loops.ramp(out.data(), a.data(), row.data(), column.data(), line.data(), modes, side);
    each([&](auto, auto y, auto x, auto i) { near(out[i], a[i] * row[y] * column[x]); });
    const Waves before = out;
    loops.add_unramped(out.data(), b.data(), row.data(), column.data(), line.data(), modes, side);
    each([&](auto, auto y, auto x, auto i) { near(out[i], before[i] + b[i] * std::conj(row[y] * column[x])); });
}

TEST_P(PieLoopsTest, ExitWave)
{
    Waves out(modes * side * side, 9);
    loops.exit_wave(out.data(), a.data(), object.data(), stride, modes, side);
    each([&](auto, auto y, auto x, auto i) { near(out[i], a[i] * pixel(y, x)); });
}

TEST_P(PieLoopsTest, Impose)
{
    std::vector<float> amplitude(side * side);
    for (std::size_t i = 0; i < amplitude.size(); ++i)
        amplitude[i] = std::abs(b.values[i]);
    Waves field = a;
    const double error = loops.impose(field.data(), amplitude.data(), line.data(), modes, side);
    double expected = 0;
    std::vector<double> predicted(side * side);
    each([&](auto, auto y, auto x, auto i) { predicted[y * side + x] += std::norm(a[i]); });
    for (std::size_t i = 0; i < predicted.size(); ++i) {
        predicted[i] = std::sqrt(predicted[i] + 1e-12);
        expected += std::pow(predicted[i] - amplitude[i], 2);
    }
    EXPECT_NEAR(error, expected, 1e-5 * expected);
    each([&](auto, auto y, auto x, auto i) {
        near(field[i], a[i] * (amplitude[y * side + x] / predicted[y * side + x] - 1));
    });
}

TEST_P(PieLoopsTest, CorrelateAndChanges)
{
    Waves g(side * side, 8);
    std::vector<float> power(side * side);
    const float largest = loops.correlate(g.data(), power.data(), a.data(), b.data(), modes, side);
    std::vector<Complex> sum(side * side);
    std::vector<double> squares(side * side);
    each([&](auto, auto y, auto x, auto i) {
        sum[y * side + x] += std::conj(a[i]) * b[i];
        squares[y * side + x] += std::norm(a[i]);
    });
    const double top = *std::max_element(squares.begin(), squares.end());
    EXPECT_NEAR(largest, top, 1e-5 * top);
    for (std::int64_t i = 0; i < side * side; ++i) {
        near(g[i], sum[i]);
        ASSERT_NEAR(power[i], squares[i], 1e-5 * top);
    }

    Waves difference = b;
    loops.probe_change(difference.data(), object.data(), stride, 0.25F, 0.5F, line.data(), modes, side);
    double brightest = 0;
    each([&](auto, auto y, auto x, auto) { brightest = std::max(brightest, std::norm(pixel(y, x))); });
    each([&](auto, auto y, auto x, auto i) {
        near(difference[i], b[i] * std::conj(pixel(y, x)) * 0.5 / (0.75 * std::norm(pixel(y, x)) + 0.25 * brightest));
    });

    Waves changed = object;
    loops.object_change(changed.data(), stride, g.data(), power.data(), largest, 0.25F, 0.5F, side);
    for (std::int64_t y = 0; y < side; ++y) {
        for (std::int64_t x = 0; x < stride; ++x) {
            const auto i = y * side + x;
            near(changed[y * stride + x], x < side ? pixel(y, x) + sum[i] * 0.5 / (0.75 * squares[i] + 0.25 * top)
                                                   : pixel(y, x)); // not beyond the window
        }
    }
}

TEST_P(PieLoopsTest, ShiftEquations)
{
    std::vector<float> power(side * side);
    for (std::size_t i = 0; i < power.size(); ++i)
        power[i] = std::abs(b.values[i]);
    const auto sums = loops.shift_equations(object.data(), stride, a.data(), power.data(), side);
    ShiftEquations expected;
    double scale = 1;
    for (std::int64_t y = 1; y + 1 < side; ++y) {
        for (std::int64_t x = 1; x + 1 < side; ++x) {
            const auto dx = (pixel(y, x + 1) - pixel(y, x - 1)) / 2.0, dy = (pixel(y + 1, x) - pixel(y - 1, x)) / 2.0;
            const auto w = power[y * side + x];
            expected.xx += w * std::norm(dx);
            expected.xy += w * (std::conj(dx) * dy).real();
            expected.yy += w * std::norm(dy);
            expected.x += (std::conj(dx) * a[y * side + x]).real();
            expected.y += (std::conj(dy) * a[y * side + x]).real();
            scale += w * std::norm(dx) + std::abs(std::conj(dx) * a[y * side + x]);
        }
    }
    EXPECT_NEAR(sums.xx, expected.xx, 1e-5 * scale);
    EXPECT_NEAR(sums.xy, expected.xy, 1e-5 * scale);
    EXPECT_NEAR(sums.yy, expected.yy, 1e-5 * scale);
    EXPECT_NEAR(sums.x, expected.x, 1e-5 * scale);
    EXPECT_NEAR(sums.y, expected.y, 1e-5 * scale);
}

INSTANTIATE_TEST_SUITE_P(Sets, PieLoopsTest,
                         ::testing::Combine(::testing::Values(0, 1), ::testing::Values(1, 3),
                                            ::testing::Values(4, 13, 32, 67)));

} // namespace

} // namespace ptk::kernels::cpu
