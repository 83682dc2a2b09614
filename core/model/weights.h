#pragma once
#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace ptk::model {

/// Named tensors as a file holds them, with what it says of the network that they belong to.
struct Weights {
    std::string path;
    std::string format;                          ///< for people: "PyTorch state dict"
    std::map<std::string, at::Tensor> tensors{}; ///< views of what was read, of any real, whole or complex type
    /// Plain values by the name of a field: PtychoPINN's ("architecture", "N", "C_model"), or our own options
    /// ("generator.width") with "side".
    nlohmann::json fields = nlohmann::json::object();
    /// Root mean square of a pixel that the network was trained to see: 1, or 1/2 for PtychoPINN's wts.h5.zip, whose
    /// loader scales to (N/2)^2 instead of N^2 (its raw_data.py).
    double input_rms = 1;
};

/// Read a state dict of PyTorch (torch.save: .pth, .pt), a checkpoint of Lightning (.ckpt), PtychoPINN's wts.h5.zip,
/// .safetensors or .npz, told apart by content. Nothing in a file is executed: tensors and plain values are read; any
/// other global of a pickle is refused by its name, or, outside the state dict of a checkpoint, left out.
/// @throws Error(Io) unreadable; Error(Format) another kind of file, damaged, with other objects;
///         Error(Unsupported) element types that weights do not have
Weights read_weights(const std::string& path);

/// Write tensors by their names to a .safetensors (with @p metadata) or .npz file. Atomic.
/// @throws Error(InvalidArgument) another suffix; Error(Io)
void write_weights(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata);

/// Key of our own metadata in .safetensors.
inline constexpr const char* metadata_key = "ptychokit";

} // namespace ptk::model
