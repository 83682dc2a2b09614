// Products of small matrices on raw pointers, every instruction set of this machine, against ATen in double precision.
#include "kernels/cpu/product.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace ptk::kernels::cpu {
namespace {

struct Sizes {
    std::int64_t rows, columns, depth;
};

TEST(Product, EqualsAtenAndStaysInside)
{
    const Sizes table[] = {{1, 16, 1},  {3, 32, 5},   {6, 48, 64},  {7, 16, 24},
                           {12, 64, 3}, {13, 80, 17}, {64, 32, 24}, {25, 384, 128}};
    for (const auto set : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512})
        for (const auto& [rows, columns, depth] : table) {
            if (!supported(set))
                continue;
            SCOPED_TRACE(::testing::Message()
                         << "set " << static_cast<int>(set) << ", " << rows << " x " << columns << ", depth " << depth);
            at::manual_seed(7);
            const auto a = at::randn({depth, rows + 2}), b = at::randn({depth, columns + 16});
            const auto before = at::randn({rows + 1, columns + 16});
            const auto expected =
                a.slice(1, 0, rows).t().to(at::kDouble).matmul(b.slice(1, 0, columns).to(at::kDouble));
            for (const bool add : {false, true}) {
                auto c = before.clone();
                product_loop(set)({.rows = rows,
                                   .columns = columns,
                                   .depth = depth,
                                   .a = a.const_data_ptr<float>(),
                                   .a_row = rows + 2,
                                   .b = b.const_data_ptr<float>(),
                                   .b_row = columns + 16,
                                   .c = c.mutable_data_ptr<float>(),
                                   .c_row = columns + 16,
                                   .add = add});
                auto wanted = before.to(at::kDouble);
                auto inside = wanted.slice(0, 0, rows).slice(1, 0, columns);
                inside.copy_(add ? inside + expected : expected);
                EXPECT_LT((c - wanted).abs().max().item<double>(), 1e-6 * expected.abs().max().item<double>() + 1e-6);
                EXPECT_TRUE(at::equal(c[rows], before[rows])) << "a row too many";
                EXPECT_TRUE(at::equal(c.slice(1, columns), before.slice(1, columns))) << "columns too many";
            }
        }
}

} // namespace
} // namespace ptk::kernels::cpu
