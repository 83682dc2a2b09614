#include "generators/precision.h"

#include "base/error.h"

namespace ptk::generators {

Precision precision_named(std::string_view name)
{
    if (name == "bfloat16")
        return Precision::Bfloat16;
    require(name == "float32", Status::InvalidConfig, "precision: expected float32 or bfloat16, found '{}'", name);
    return Precision::Float32;
}

Precision precision_of(const config::Settings& settings, const char* option)
{
    return settings.schema().options().empty() ? Precision::Float32 : precision_named(settings.text(option));
}

at::Tensor predicted(Generator& generator, const Input& input, Precision precision)
{
    const Autocast cast(input.amplitude.device().type(), precision);
    return generator.forward(input);
}

bool computes_bfloat16(c10::Device device)
{
    if (!device.is_cpu())
        return true;
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

void log_precision(Precision precision, c10::Device device, const char* area, Log& log)
{
    if (precision == Precision::Bfloat16 && !computes_bfloat16(device))
        log.warn(area, "bfloat16: this processor has no instructions for it (avx512_bf16, AMX), and our kernels are "
                       "for float32, so that it is slower than float32 here");
}

} // namespace ptk::generators
