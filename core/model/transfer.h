#pragma once
#include "base/log.h"
#include "model/model.h"

#include <string>

namespace ptk::model {

/// A model with the weights of a file from Python (see read_weights()). The generator and its options are found by what
/// the file says and by names and shapes (see fit_options()); all tensors must be there and no others, but for the
/// numbers of PtychoPINN's training module that are not the network's (forward_model, rect_scaler), which are left out.
///
/// Such a model has no statistics of a training: amplitudes are scaled by the frames that it sees
/// (scale_by_frames()), the probe is the scan's, and no history. What was found, assumed and left out stands in its
/// provenance and in the log.
/// @param config  what is not to be searched; generator.name where the user knows it
/// @param side    N; 0 = as the file says or names and shapes tell
/// @throws Error(Io | Format | Unsupported) of read_weights(); Error(Format) naming missing, unexpected and other
/// tensors
///         or values that are not finite; Error(InvalidArgument) when N cannot be told; Error(NotFound | InvalidConfig
///         | Shape) for what @p config asks
std::unique_ptr<Model> import_model(const generators::GeneratorRegistry& registry, const std::string& path,
                                    const config::Config& config, std::int64_t side, c10::Device device, Log& log);

/// Write parameters and buffers by the reference's names, second names included, so that PyTorch's
/// load_state_dict(strict=True) of the reference's generator takes them: .safetensors (with the configuration in its
/// metadata) or .npz.
/// @throws Error(InvalidArgument) another suffix; Error(Io); Error(NotConverged) values that are not finite
void export_weights(Model& model, const std::string& path);

} // namespace ptk::model
