#pragma once
#include "generators/generator.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace ptk::generators {

/// The TorchScript programs that the user has named, by content. A model remembers which program it was trained with,
/// but not where it lies: only a program that was named here is ever run, so that a model's file runs nothing by
/// itself. Threads: any call, at any time.
class Programs {
public:
    struct Program {
        std::string path;  ///< as it was named
        std::string id;    ///< "net.pt sha1:HEX": name and content
        std::string bytes; ///< the file
    };

    /// Note a program.
    /// @throws Error(Io); Error(Format) when it is larger than 2 GiB
    Program add(const std::string& path);
    /// @throws Error(NotFound) when no program of this content was named; Error(Format) when its file has changed since
    ///         or @p id is none
    Program find(const std::string& id) const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> paths_; ///< by SHA-1 in hexadecimal digits
};

/// A network as a TorchScript program (torch.jit.save), trained on: its parameters and buffers become ours, with the
/// values of the file. Its forward takes the scaled amplitudes (B, C, N, N) float32 and returns two images (B, C, N, N)
/// float32 in the option generator.output_mode: as a tuple or list of two, as one (B, 2 C, N, N) with all first images
/// before all second ones, or, for real_imag, as one (B, C, N, N) complex64.
///
/// It is generator.file when given, else the one of @p programs that generator.program names. Option generator.program
/// comes out as name and content.
/// @throws Error(InvalidConfig) when there is neither; Error(Io | NotFound); Error(Format) when it is no program, or
///         not the one that generator.program names; Error(Unsupported) for parameters that are not float32 or
///         complex64; Error(Shape) when other images come out; Error(Callback) with its message when it fails
std::unique_ptr<Generator> make_torchscript(Programs& programs, const Problem& problem,
                                            const config::Settings& settings);
config::Schema torchscript_options();

} // namespace ptk::generators
