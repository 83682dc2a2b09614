#include "generators/torchscript.h"

#include "base/atomic_file.h"
#include "base/shape.h"
#include "generators/channel_generator.h"
#include "generators/common_options.h"

#include <ATen/ops/imag.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/real.h>
#include <c10/core/GradMode.h>
#include <c10/util/hash.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <deque>
#include <filesystem>
#include <sstream>

namespace ptk::generators {

namespace {

constexpr std::size_t largest_program = std::size_t{2} << 30;
constexpr std::size_t digits = 40;
constexpr std::string_view mark = " sha1:";

std::string file_name(const std::string& path)
{
    return std::filesystem::path(path).filename().string();
}

std::string id_of(const std::string& path, const std::string& digest)
{
    return file_name(path) + std::string(mark) + digest;
}

/// Name and SHA-1 out of an id.
std::pair<std::string, std::string> parts_of(const std::string& id)
{
    const auto at = id.rfind(mark);
    const bool found = at != std::string::npos && id.size() == at + mark.size() + digits &&
                       id.find_first_not_of("0123456789abcdef", at + mark.size()) == std::string::npos;
    require(found, Status::Format, "generator.program: '{}'; expected 'NAME sha1:' and {} hexadecimal digits",
            id.substr(0, 200), digits);
    return {id.substr(0, at), id.substr(at + mark.size())};
}

Programs::Program read_program(const std::string& path)
{
    auto bytes = base::read_text(path, largest_program);
    require(!bytes.empty(), Status::Format, "{}: an empty file, not a TorchScript program", path);
    const auto digest = c10::sha1(bytes).str();
    return {path, id_of(path, digest), std::move(bytes)};
}

/// The beginning and the end of a message, where TorchScript says what happened, without addresses of our stack.
std::string shortened(const std::string& text)
{
    constexpr std::size_t head = 200, tail = 400;
    if (text.size() <= head + tail)
        return text;
    return text.substr(0, head) + " ... " + text.substr(text.size() - tail);
}

/// What LibTorch throws, as an Error that names the program.
template <class Work> auto named(const std::string& path, Status status, const char* what, Work&& work)
{
    try {
        return work();
    } catch (const Error&) {
        throw;
    } catch (const c10::Error& error) {
        const std::string text = error.what_without_backtrace();
        if (text.find("DefaultCPUAllocator") != std::string::npos)
            status = Status::OutOfMemory;
        fail(status, "{}: {}: {}", path, what, shortened(text));
    } catch (const std::exception& error) {
        fail(status, "{}: {}: {}", path, what, shortened(error.what()));
    }
}

class Torchscript final : public ChannelGenerator {
public:
    Torchscript(const Programs::Program& program, Layout layout)
        : ChannelGenerator(std::move(layout)), path_(program.path), id_(program.id), module_(loaded(program))
    {
        take_tensors();
        set_training(false);
        // What does not fit is found here, not in the first step of a training.
        const c10::NoGradGuard no_gradient;
        branches(at::ones({1, this->layout().channels, this->layout().side, this->layout().side}, at::kFloat));
    }

    Branches branches(const at::Tensor& x) override
    {
        const auto images = images_of(result_of(x), x);
        const bool trained = c10::GradMode::is_enabled() && is_training();
        require(!trained || images.first.requires_grad() || images.second.requires_grad(), Status::Unsupported,
                "{}: cannot be trained: its images do not depend on parameters (was it frozen, or run without "
                "gradients?)",
                path_);
        return images;
    }

    void set_training(bool training) override
    {
        Module::set_training(training);
        module_.train(training);
    }

    void to(c10::Device device) override
    {
        module_.to(device); // in place: the tensors that we keep are the program's
        Module::to(device);
    }

    config::Config settled() const override
    {
        config::Config found;
        found.set("generator.file", path_);
        found.set("generator.program", id_);
        return found;
    }

private:
    static torch::jit::Module loaded(const Programs::Program& program)
    {
        return named(program.path, Status::Format, "not a TorchScript program", [&] {
            std::istringstream stream(program.bytes);
            return torch::jit::load(stream, c10::Device(at::kCPU), /*load_debug_files=*/false);
        });
    }

    void take_tensors()
    {
        for (const auto& [name, tensor] : module_.named_parameters()) {
            require(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kComplexFloat,
                    Status::Unsupported, "{}: parameter '{}' holds {}; expected Float or ComplexFloat", path_, name,
                    c10::toString(tensor.scalar_type()));
            take(name, tensor, tensor.requires_grad());
        }
        for (const auto& [name, tensor] : module_.named_buffers()) {
            const auto type = tensor.scalar_type();
            const bool storable =
                type == at::kFloat || type == at::kDouble || type == at::kLong || type == at::kComplexFloat;
            require(storable, Status::Unsupported,
                    "{}: buffer '{}' holds {}; expected Float, Double, Long or ComplexFloat", path_, name,
                    c10::toString(type));
            take(name, tensor, false);
        }
    }

    /// Modules that share a tensor have it once.
    void take(const std::string& name, const at::Tensor& tensor, bool trained)
    {
        for (const auto& known : tensors_)
            if (known.is_same(tensor))
                return;
        tensors_.push_back(tensor);
        if (trained)
            add_parameter(name, tensors_.back());
        else
            add_buffer(name, tensors_.back());
    }

    c10::IValue result_of(const at::Tensor& x)
    {
        // Without the profiling executor, which compiles anew for the first shapes it sees and gains nothing here.
        const torch::jit::GraphOptimizerEnabledGuard plain(false);
        return named(path_, Status::Callback, "the program failed", [&] { return module_.forward({x}); });
    }

    Branches images_of(const c10::IValue& result, const at::Tensor& x) const
    {
        const auto channels = layout().channels;
        if (result.isTensor()) {
            const auto& image = result.toTensor();
            if (image.is_complex() && layout().output == OutputMode::RealImag)
                return {checked(at::real(image), x, 1), checked(at::imag(image), x, 1)};
            checked(image, x, 2);
            return {image.narrow(1, 0, channels), image.narrow(1, channels, channels)};
        }
        if (result.isTuple() && result.toTupleRef().elements().size() == 2) {
            const auto& both = result.toTupleRef().elements();
            if (both[0].isTensor() && both[1].isTensor())
                return {checked(both[0].toTensor(), x, 1), checked(both[1].toTensor(), x, 1)};
        }
        if (result.isTensorList() && result.toTensorVector().size() == 2)
            return {checked(result.toTensorVector()[0], x, 1), checked(result.toTensorVector()[1], x, 1)};
        fail(Status::Shape, "{}: the program returns a {}; expected two tensors, or one with both images", path_,
             result.tagKind());
    }

    at::Tensor checked(const at::Tensor& image, const at::Tensor& x, std::int64_t images) const
    {
        const bool fits = image.scalar_type() == at::kFloat && image.dim() == 4 && image.size(0) == x.size(0) &&
                          image.size(1) == images * x.size(1) && image.size(2) == x.size(2) &&
                          image.size(3) == x.size(3);
        require(fits, Status::Shape,
                "{}: for amplitudes {} the program returns {} {}; expected Float, two images of that shape or both in "
                "({}, {}, {}, {})",
                path_, base::shape_of(x), c10::toString(image.scalar_type()), base::shape_of(image), x.size(0),
                2 * x.size(1), x.size(2), x.size(3));
        return image;
    }

    std::string path_;
    std::string id_;
    torch::jit::Module module_;
    std::deque<at::Tensor> tensors_; ///< the program's own; adding does not move those that are there
};

} // namespace

Programs::Program Programs::add(const std::string& path)
{
    auto program = read_program(path);
    const std::lock_guard lock(mutex_);
    paths_[parts_of(program.id).second] = path;
    return program;
}

Programs::Program Programs::find(const std::string& id) const
{
    const auto [name, digest] = parts_of(id);
    std::string path;
    std::string others;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = paths_.find(digest); found != paths_.end())
            path = found->second;
        for (const auto& [known, other] : paths_)
            if (file_name(other) == name)
                others += fmt::format("; {} has other content (sha1:{})", other, known);
    }
    require(!path.empty(), Status::NotFound,
            "the TorchScript program '{}' was not named: a model's file runs nothing by itself, so name the program "
            "too (option 'plugins' of the context, '--plugin FILE', or ptk_plugin_load){}",
            id, others);
    auto program = read_program(path);
    require(parts_of(program.id).second == digest, Status::Format, "{}: has changed since it was named: '{}', not '{}'",
            path, program.id, id);
    return program;
}

config::Schema torchscript_options()
{
    using config::Type;
    return config::Schema(
        {{"generator.file", Type::String, "\"\"",
          "the TorchScript program (torch.jit.save): it gets the scaled amplitudes (B, C, N, N) and returns two images "
          "of that shape, as a pair or one after the other in (B, 2 C, N, N), or a complex one"},
         {"generator.program", Type::String, "\"\"",
          "name and SHA-1 of the program ('net.pt sha1:...'), which a model remembers; a file that is given must "
          "agree"},
         options::channels(),
         options::output_mode()});
}

std::unique_ptr<Generator> make_torchscript(Programs& programs, const Problem& problem,
                                            const config::Settings& settings)
{
    const auto& file = settings.text("generator.file");
    const auto& wanted = settings.text("generator.program");
    require(!file.empty() || !wanted.empty(), Status::InvalidConfig,
            "generator.file: expected the TorchScript program that generator 'torchscript' runs, found nothing");
    const auto program = file.empty() ? programs.find(wanted) : programs.add(file);
    require(wanted.empty() || parts_of(wanted).second == parts_of(program.id).second, Status::Format,
            "{}: found '{}', expected '{}' (generator.program)", program.path, program.id, wanted);
    return std::make_unique<Torchscript>(program, layout_of("torchscript", problem, settings));
}

} // namespace ptk::generators
