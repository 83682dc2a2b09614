#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace ptk::model {

/// Named tensors and texts of a .safetensors file: eight bytes with the length of a JSON header, the header, the data.
struct SafeTensors {
    std::map<std::string, at::Tensor> tensors;
    std::map<std::string, std::string> metadata;
};

/// @throws Error(Io); Error(Format) truncated, damaged, or data that overlap or leave holes; Error(Unsupported) an
/// element type that LibTorch has not. Sizes are checked before memory is taken.
/// Source: the format's description, https://github.com/huggingface/safetensors
SafeTensors read_safetensors(const std::string& path);

/// Write atomically, tensors in the order of their names. Complex numbers are "C64" and "C128" (Python's safetensors
/// reads the first from 0.7 on). @throws Error(Io); Error(Unsupported) an element type that the format has not
void write_safetensors(const std::string& path, const SafeTensors& content);

} // namespace ptk::model
