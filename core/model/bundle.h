#pragma once
#include "model/model.h"

#include <map>
#include <string>

namespace ptk::model {

/// Current layout of a bundle. A newer one is refused by name.
inline constexpr int bundle_version = 2; ///< written only where there are several experiments, else 1

/// Write a model as one HDF5 file, data only: JSON header, named tensors, probe, statistics, history. Atomic: the old
/// file stays until the new one is complete. @p extra are further tensors (optimizer state in a checkpoint; names as in
/// a path, "adam/conv1.weight") and @p extra_json a JSON object. Header and tensors carry checksums.
/// @throws Error(Io); Error(NotConverged) when a weight or the probe is not finite; Error(InvalidArgument) when
/// extra_json or the provenance is no JSON object
void save_bundle(Model& model, const std::string& path, const std::map<std::string, at::Tensor>& extra = {},
                 const std::string& extra_json = "{}");

struct Bundle {
    std::unique_ptr<Model> model;
    std::map<std::string, at::Tensor> extra;
    std::string extra_json;
};

/// All settings of the model count as given: the bundle's values win over the defaults of the library that reads it.
/// @throws Error(Io) unreadable; Error(Format) not a bundle, damaged, of a newer layout, with an unknown setting,
/// values that are not finite, tensors missing,
///         unexpected or of another shape (all named); Error(NotFound) unknown generator. Nothing in the file is
///         executed; sizes are checked before memory is taken.
Bundle load_bundle(const generators::GeneratorRegistry& registry, const std::string& path, c10::Device device);

/// True when the file is a bundle (for 'info').
bool is_bundle(const std::string& path);

} // namespace ptk::model
