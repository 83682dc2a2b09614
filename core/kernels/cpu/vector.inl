// A vector of PTK_LANES floats as the compiler's vector type, which has arithmetic, comparisons and ?:. Included once
// by each source that defines PTK_LANES (4, 8 or 16) for its instruction set; everything has internal linkage, see
// pie_loops.inl.
#include <cstdint>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

using Size = std::int64_t;

constexpr Size lanes = PTK_LANES;

typedef float Vector __attribute__((vector_size(4 * PTK_LANES)));
typedef std::int32_t Integers __attribute__((vector_size(4 * PTK_LANES)));
typedef float Unaligned __attribute__((vector_size(4 * PTK_LANES), aligned(4), may_alias));

#define PTK_INLINE [[gnu::always_inline]] inline

PTK_INLINE Vector load(const float* p)
{
    return *reinterpret_cast<const Unaligned*>(p);
}

PTK_INLINE void store(float* p, Vector v)
{
    *reinterpret_cast<Unaligned*>(p) = v;
}

#if PTK_LANES == 16 && defined(__AVX512F__)

/// The first @p count of the lanes, zero in the others.
PTK_INLINE Vector load_part(const float* p, Size count)
{
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << count) - 1), p);
}

PTK_INLINE void store_part(float* p, Vector v, Size count)
{
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << count) - 1), v);
}

#elif PTK_LANES == 8 && defined(__AVX2__)

PTK_INLINE __m256i first_lanes(Size count)
{
    alignas(32) static constexpr std::int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ones_then_zeros + 8 - count));
}

PTK_INLINE Vector load_part(const float* p, Size count)
{
    return _mm256_maskload_ps(p, first_lanes(count));
}

PTK_INLINE void store_part(float* p, Vector v, Size count)
{
    _mm256_maskstore_ps(p, first_lanes(count), v);
}

#else

PTK_INLINE Vector load_part(const float* p, Size count)
{
    Vector v = {};
    for (Size i = 0; i < count; ++i)
        v[i] = p[i];
    return v;
}

PTK_INLINE void store_part(float* p, Vector v, Size count)
{
    for (Size i = 0; i < count; ++i)
        p[i] = v[i];
}

#endif

PTK_INLINE Vector splat(float value)
{
    return value - Vector{}; // not a sum, which would change -0
}

/// Relative error 2e-9 and rounding, for x <= 0; below -87 the value there. NaN stays.
PTK_INLINE Vector exp_negative(Vector x)
{
    x = x < -87.0F ? splat(-87.0F) : x;
    constexpr float shift = 12582912; // 1.5 * 2^23: adding it rounds to a whole number
    const Vector shifted = x * 1.44269504F + shift;
    const Vector n = shifted - shift;
    const Vector r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
    Vector p = r * 0.001383656445F + 0.008375037122F;
    p = p * r + 0.04166824236F;
    p = p * r + 0.1666641754F;
    p = p * r + 0.4999999195F;
    p = p * r + 1.000000037F;
    p = p * r + 1.000000001F;
    const Integers exponent = (Integers)shifted << 23; // the whole number is in the low bits
    return (Vector)((Integers)p + exponent);
}

/// x Phi(x) and its derivative Phi(x) + x phi(x). The tail beyond |x| is exp(-x^2/2) t P(t) with t = 1/(1 + 0.345 |x|);
/// P was fitted to erfc(z/sqrt 2) exp(z^2/2) / 2 over 0 <= z <= 14 with relative error 2e-8. Error of the values below
/// 1e-6 relative, also for negative x.
PTK_INLINE Vector gelu(Vector x, Vector& slope)
{
    const Vector z = x < 0 ? -x : x;
    const Vector t = 1.0F / (z * 0.345F + 1.0F);
    const Vector e = exp_negative(z * z * -0.5F);
    Vector p = t * -0.02838163917F + 0.1452804431F;
    p = p * t - 0.2711699765F;
    p = p * t + 0.1871931814F;
    p = p * t - 0.03759930021F;
    p = p * t + 0.111798609F;
    p = p * t + 0.1172385301F;
    p = p * t + 0.1380208527F;
    p = p * t + 0.1376192922F;
    const Vector tail = p * t * e;
    const Vector below = x < 0 ? tail : 1.0F - tail;
    slope = below + x * e * 0.398942280F;
    return x * below;
}

PTK_INLINE Vector relu(Vector x)
{
    return x <= 0 ? Vector{} : x; // NaN stays
}

} // namespace
