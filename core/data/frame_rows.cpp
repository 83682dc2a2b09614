#include "data/frame_rows.h"

#include "base/error.h"
#include "data/hdf5_file.h"
#include "data/npy.h"
#include "data/npz.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace ptk::data {

namespace {

/// What Hdf5File::read_rows() makes of a type.
at::ScalarType read_type(const std::string& name)
{
    if (name == "uint8" || name == "bool")
        return at::kByte;
    if (name == "int8")
        return at::kChar;
    if (name == "uint16")
        return at::kUInt16;
    if (name == "int16")
        return at::kShort;
    if (name == "int32")
        return at::kInt;
    if (name == "uint32" || name == "uint64" || name == "int64")
        return at::kLong;
    return name == "float64" ? at::kDouble : at::kFloat;
}

class Hdf5Rows final : public FrameRows {
public:
    Hdf5Rows(std::shared_ptr<const Hdf5File> file, std::string path, std::string key)
        : file_(std::move(file)), path_(std::move(path)), key_(std::move(key)), shape_(file_->shape(key_)),
          type_(read_type(file_->type_name(key_)))
    {
    }
    std::vector<std::int64_t> shape() const override { return shape_; }
    at::ScalarType type() const override { return type_; }
    at::Tensor rows(std::int64_t first, std::int64_t end) const override { return file_->read_rows(key_, first, end); }
    std::vector<std::string> files() const override { return {path_}; }

private:
    std::shared_ptr<const Hdf5File> file_;
    std::string path_, key_;
    std::vector<std::int64_t> shape_;
    at::ScalarType type_;
};

/// An array that has to be read whole, when its first rows are asked for.
class WholeRows final : public FrameRows {
public:
    WholeRows(std::vector<std::int64_t> shape, at::ScalarType type, std::vector<std::string> files,
              std::function<at::Tensor()> read)
        : shape_(std::move(shape)), type_(type), files_(std::move(files)), read_(std::move(read))
    {
    }
    std::vector<std::int64_t> shape() const override { return shape_; }
    at::ScalarType type() const override { return type_; }
    at::Tensor rows(std::int64_t first, std::int64_t end) const override
    {
        const std::scoped_lock lock(mutex_);
        if (!whole_.defined())
            whole_ = read_();
        return whole_.slice(0, first, end);
    }
    std::vector<std::string> files() const override { return files_; }

private:
    std::vector<std::int64_t> shape_;
    at::ScalarType type_;
    std::vector<std::string> files_;
    std::function<at::Tensor()> read_;
    mutable std::mutex mutex_;
    mutable at::Tensor whole_;
};

class StreamedRows final : public FrameRows {
public:
    StreamedRows(std::string path, std::string key, std::vector<std::int64_t> shape, at::ScalarType type)
        : path_(std::move(path)), key_(std::move(key)), shape_(std::move(shape)), type_(type)
    {
    }
    std::vector<std::int64_t> shape() const override { return shape_; }
    at::ScalarType type() const override { return type_; }
    std::vector<std::string> files() const override { return {path_}; }

    at::Tensor rows(std::int64_t first, std::int64_t end) const override
    {
        const std::scoped_lock lock(mutex_);
        if (!stream_ || next_ > first) {
            stream_.emplace(NpzRows::open(path_, key_));
            require(stream_->shape() == shape_, Status::Format, "{}: '{}' has another shape than before", path_, key_);
            next_ = 0;
        }
        constexpr std::int64_t skipped_at_once = 64;
        while (next_ < first)
            take(std::min(skipped_at_once, first - next_));
        return take(end - first);
    }

private:
    at::Tensor take(std::int64_t count) const
    {
        try {
            auto rows = stream_->next(count);
            next_ += count;
            return rows;
        } catch (...) {
            stream_.reset(); // its place is not known any more
            throw;
        }
    }

    std::string path_, key_;
    std::vector<std::int64_t> shape_;
    at::ScalarType type_;
    mutable std::mutex mutex_;
    mutable std::optional<NpzRows> stream_;
    mutable std::int64_t next_ = 0; ///< row that the stream gives next
};

class JoinedRows final : public FrameRows {
public:
    explicit JoinedRows(std::vector<FrameRowsPtr> parts) : parts_(std::move(parts)), type_(parts_.front()->type())
    {
        shape_ = parts_.front()->shape();
        shape_[0] = 0;
        for (const auto& part : parts_) {
            shape_[0] += part->shape()[0];
            if (part->type() != parts_.front()->type())
                type_ = at::kFloat;
        }
    }
    std::vector<std::int64_t> shape() const override { return shape_; }
    at::ScalarType type() const override { return type_; }

    at::Tensor rows(std::int64_t first, std::int64_t end) const override
    {
        std::vector<at::Tensor> pieces;
        std::int64_t begin = 0; // of a part, among all rows
        for (const auto& part : parts_) {
            const auto count = part->shape()[0];
            const auto low = std::max(first - begin, std::int64_t{0}), high = std::min(end - begin, count);
            if (low < high)
                pieces.push_back(part->rows(low, high).to(type_));
            begin += count;
        }
        if (pieces.empty())
            return parts_.front()->rows(0, 0).to(type_);
        return pieces.size() == 1 ? pieces.front() : at::cat(pieces);
    }

    std::vector<std::string> files() const override
    {
        std::vector<std::string> all;
        for (const auto& part : parts_)
            for (auto& file : part->files())
                all.push_back(std::move(file));
        return all;
    }

private:
    std::vector<FrameRowsPtr> parts_;
    std::vector<std::int64_t> shape_;
    at::ScalarType type_;
};

} // namespace

FrameRowsPtr hdf5_rows(std::shared_ptr<const Hdf5File> file, std::string path, std::string key)
{
    return std::make_shared<Hdf5Rows>(std::move(file), std::move(path), std::move(key));
}

FrameRowsPtr npz_rows(const std::string& path, const std::string& key)
{
    const auto header = Npz::open(path).header(key);
    const auto type = npy_type(header, path + ": '" + key + "'");
    if (!header.fortran_order && !header.shape.empty())
        return std::make_shared<StreamedRows>(path, key, header.shape, type);
    return std::make_shared<WholeRows>(header.shape, type, std::vector{path},
                                       [=] { return Npz::open(path).read(key); });
}

FrameRowsPtr joined_rows(std::vector<FrameRowsPtr> parts)
{
    return std::make_shared<JoinedRows>(std::move(parts));
}

FrameRowsPtr frames_last_rows(FrameRowsPtr frames)
{
    const auto shape = frames->shape();
    return std::make_shared<WholeRows>(std::vector{shape[2], shape[0], shape[1]}, frames->type(), frames->files(), [=] {
        return frames->rows(0, shape[0]).permute({2, 0, 1});
    });
}

} // namespace ptk::data
