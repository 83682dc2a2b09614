// The loop of activation.h for PTK_LANES.
#include "kernels/cpu/activation.h"
#include "kernels/cpu/vector.inl"

namespace {

void gelu_values(const float* x, Size count, float* y, float* slope)
{
    Vector derivative;
    Size i = 0;
    for (; i + lanes <= count; i += lanes) {
        const Vector value = gelu(load(x + i), derivative);
        store(y + i, value);
        if (slope)
            store(slope + i, derivative);
    }
    if (i == count)
        return;
    const Vector value = gelu(load_part(x + i, count - i), derivative);
    store_part(y + i, value, count - i);
    if (slope)
        store_part(slope + i, derivative, count - i);
}

} // namespace
