#include "data/position_file.h"

#include "base/error.h"
#include "base/shape.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

namespace ptk::data {

namespace {

constexpr std::size_t longest_line = 4096;

bool separates(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '\r';
}

/// The numbers of a line; nothing when it holds something else.
std::optional<std::vector<double>> numbers_of(std::string_view line)
{
    line = line.substr(0, line.find('#'));
    std::vector<double> numbers;
    const char *at = line.data(), *const end = line.data() + line.size();
    while (true) {
        at = std::find_if_not(at, end, separates);
        if (at == end)
            return numbers;
        double value = 0;
        const auto [rest, error] = std::from_chars(at + (*at == '+' ? 1 : 0), end, value);
        if (error != std::errc() || (rest != end && !separates(*rest)))
            return std::nullopt;
        numbers.push_back(value);
        at = rest;
    }
}

/// What a message shows of a line, which may hold any bytes.
std::string shown(const std::string& line)
{
    std::string text = line.substr(0, 40);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

at::Tensor text_positions(const std::string& path)
{
    std::ifstream stream(path, std::ios::binary);
    require(stream.good(), Status::Io, "{}: cannot be read", path);
    std::vector<double> xy;
    std::string line;
    for (std::int64_t number = 1; std::getline(stream, line); ++number) {
        const auto found = line.size() <= longest_line ? numbers_of(line) : std::nullopt;
        if (number == 1 && !found && line.size() <= longest_line)
            continue; // names of the columns
        require(found && (found->empty() || found->size() == 2 || found->size() == 3), Status::Format,
                "{}: line {}: expected the position of a frame, two numbers x y, found '{}'", path, number,
                shown(line));
        if (!found->empty())
            xy.insert(xy.end(), found->begin(), found->begin() + 2);
    }
    require(!xy.empty(), Status::Format, "{}: there are no positions, two numbers x y a line", path);
    return at::tensor(xy, at::kDouble).reshape({-1, 2});
}

at::Tensor archived_positions(const std::string& path)
{
    const auto archive = Npz::open(path);
    const auto x = archive.read("xcoords"), y = archive.read("ycoords");
    require(x.dim() == 1 && x.sizes() == y.sizes() && !x.is_complex() && !y.is_complex(), Status::Shape,
            "{}: 'xcoords' of shape {} and 'ycoords' of shape {}, expected one number for each frame", path,
            base::shape_of(x), base::shape_of(y));
    return at::stack({x.to(at::kDouble), y.to(at::kDouble)}, 1);
}

} // namespace

at::Tensor read_position_file(const std::string& path)
{
    const auto kind = file_kind(path);
    require(kind != FileKind::Hdf5, Status::Format, "{}: expected positions as NPY, NPZ or text, found HDF5", path);
    if (kind == FileKind::Other)
        return text_positions(path);
    const auto positions = kind == FileKind::Npy ? read_npy(path) : archived_positions(path);
    require(positions.dim() == 2 && positions.size(1) >= 2 && positions.size(1) <= 3 && !positions.is_complex(),
            Status::Shape, "{}: has shape {}, expected real (frames, 2) or (frames, 3) with x first", path,
            base::shape_of(positions));
    return positions.slice(1, 0, 2).to(at::kDouble).contiguous();
}

at::Tensor read_array_file(const std::string& path, const std::string& key)
{
    const auto kind = file_kind(path);
    if (kind == FileKind::Npy)
        return read_npy(path);
    require(kind == FileKind::Npz, Status::Format, "{}: expected an NPY file, or an NPZ with '{}' or one array", path,
            key);
    const auto archive = Npz::open(path);
    const auto names = archive.names();
    require(archive.has(key) || names.size() == 1, Status::NotFound, "{}: expected '{}' or one array, found {}", path,
            key, names.size());
    return archive.read(archive.has(key) ? key : names.front());
}

} // namespace ptk::data
