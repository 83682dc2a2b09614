#pragma once
#include "data/zip_archive.h"
#include "model/pickle.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace ptk::model {

/// A file of Python's torch.save, as a zip archive or in the older layout of pickles in a row. Its pickle is read as
/// data (read_pickle()); tensors are made when they are asked for. Byte order: little.
class TorchFile {
public:
    /// True for bytes that begin such a file of the older layout.
    static bool is_legacy(std::string_view beginning);
    /// @param name  begins messages
    /// @throws Error(Format) truncated, damaged; Error(Unsupported) big-endian
    static TorchFile from_archive(std::shared_ptr<const data::ZipArchive> archive, const std::string& name);
    static TorchFile from_legacy(std::string bytes, const std::string& name);

    const PickleValue& root() const noexcept { return *pickle_.root; }
    /// Globals that are neither tensors nor plain containers.
    const std::vector<std::string>& foreign() const noexcept { return pickle_.foreign; }

    /// The tensor that a value describes, a view of its storage. Storage, offset, sizes and strides are checked against
    /// the bytes that there are before memory is taken.
    /// @param key  for messages
    /// @throws Error(Format); Error(Unsupported) element types that weights do not have
    at::Tensor tensor(const PickleValue& value, const std::string& key) const;

private:
    struct Place {
        std::size_t offset;
        std::uint64_t elements;
    };
    TorchFile() = default;
    void find_legacy_storages(std::size_t at);
    at::Tensor storage(const PickleValue& id, const std::string& where) const;
    at::Tensor read_storage(const std::string& key, at::ScalarType type, std::uint64_t elements,
                            const std::string& where) const;

    std::string name_;
    Pickle pickle_;
    std::shared_ptr<const data::ZipArchive> archive_; ///< null for the older layout
    std::string folder_;                              ///< of the archive's entries, with the slash
    std::string bytes_;                               ///< the older layout
    std::map<std::string, Place> places_;
    mutable std::map<std::string, at::Tensor> storages_; ///< those that were asked for
};

/// True when the archive is one of torch.save.
bool is_torch_archive(const data::ZipArchive& archive);

} // namespace ptk::model
