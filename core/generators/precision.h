#pragma once
#include "base/log.h"
#include "generators/blocks/autocast.h"
#include "generators/generator.h"

#include <string_view>

namespace ptk::generators {

/// From "float32" or "bfloat16". @throws Error(InvalidConfig)
Precision precision_named(std::string_view name);

/// Of an option; Float32 for settings that were put together by hand, without options.
Precision precision_of(const config::Settings& settings, const char* option);

/// What Generator::forward() gives, its layers computing in @p precision: (B, G, N, N) complex64. Parameters, gradients
/// by them, the physics at a network's input and what a network from outside does in C stay as they are.
at::Tensor predicted(Generator& generator, const Input& input, Precision precision);

/// True when the device has instructions for bfloat16 (a processor: avx512_bf16, which each one with AMX has too).
bool computes_bfloat16(c10::Device device);

/// Says it when a processor has to make bfloat16 of float32, which is slower than float32 itself.
void log_precision(Precision precision, c10::Device device, const char* area, Log& log);

} // namespace ptk::generators
