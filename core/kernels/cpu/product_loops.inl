// The loops of product.h for PTK_LANES and PTK_ROWS. Included once by each product*.cpp, see pie_loops.inl.
#include "kernels/cpu/product.h"
#include "kernels/cpu/products.inl"

namespace {

using ptk::kernels::cpu::Product;

template <int width> void panel(const Product& p, const Groups& groups, Size column)
{
    const MultiplyTransposed functions[] = {multiply_transposed_of<width>(groups.size),
                                            multiply_transposed_of<width>(smaller(groups.size + 1, PTK_ROWS))};
    const float* a = p.a;
    float* c = p.c + column;
    for (Size group = 0; group < groups.count; ++group) {
        const Size rows = groups.rows_of(group);
        functions[rows - groups.size](a, p.a_row, p.b + column, p.b_row, p.depth, !p.add, c, p.c_row);
        a += rows;
        c += rows * p.c_row;
    }
}

void product(const Product& p)
{
    if (p.rows == 0)
        return;
    const Groups groups(p.rows);
    Size column = 0;
    for (; column + 2 * lanes <= p.columns; column += 2 * lanes)
        panel<2>(p, groups, column);
    for (; column < p.columns; column += lanes)
        panel<1>(p, groups, column);
}

} // namespace
