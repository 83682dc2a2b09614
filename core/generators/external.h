#pragma once
#include "generators/all.h"
#include "generators/channel_generator.h"

#include <string>
#include <vector>

namespace ptk::generators {

/// A network whose arithmetic is outside of the library: functions on C-contiguous float arrays in host memory, of the
/// shapes given below, C and N being those of its layout. They are called one at a time. Parameters are kept, trained
/// and stored by us and handed to every call, in the order in which they were declared.
class ExternalNetwork {
public:
    struct Parameter {
        std::string name;
        std::vector<std::int64_t> shape;
    };
    using Arrays = std::vector<const float*>;
    using Targets = std::vector<float*>;

    virtual ~ExternalNetwork() = default;
    virtual std::vector<Parameter> parameters() = 0;
    /// Initial values of one of them.
    virtual void initialise(std::size_t index, std::uint64_t seed, float* values) = 0;
    /// False when there is no vjp().
    virtual bool trainable() const = 0;
    /// @param amplitudes  (batch, C, N, N), scaled
    /// @param images      (batch, 2, C, N, N), to be written: the two images that the layout's output mode wants
    virtual void forward(const Arrays& parameters, std::int64_t batch, const float* amplitudes, float* images) = 0;
    /// Gradients of sum(grad_images * images) by every parameter, to be written.
    virtual void vjp(const Arrays& parameters, std::int64_t batch, const float* amplitudes, const float* grad_images,
                     const Targets& grad_parameters) = 0;
};

/// The generator of an ExternalNetwork: its forward() and vjp() are one node of autograd. On a GPU arrays are copied to
/// and fro, and vjp() comes on a thread of autograd.
class External : public ChannelGenerator {
public:
    struct State;

    /// @param random  initial values get their seed from it; undefined leaves them zero
    /// @throws Error(InvalidArgument) naming the generator when a declared parameter cannot be: no name or one that is
    ///         taken, more than 6 axes, a length below 1, more than 2^30 numbers in all; Error(NotConverged) when an
    ///         initial value is not finite; what the network throws
    External(Layout layout, std::unique_ptr<ExternalNetwork> network, at::Generator random);
    ~External() override;

    /// @throws Error(NotConverged) when numbers that come back are not finite; Error(Unsupported) when it is to be
    ///         trained and has no vjp() or no parameters; what the network throws, also out of backward()
    Branches branches(const at::Tensor& x) override;

private:
    std::shared_ptr<State> state_;
    std::vector<at::Tensor> values_;
};

/// Options of an external network from JSON as Schema::to_json() gives them, with names without "generator."; "" is
/// none. C_model comes on top.
/// @throws Error(InvalidArgument) naming the generator and what is wrong
config::Schema external_options(const std::string& generator, const std::string& json);
/// Their values, {"width": 8}.
std::string external_values(const config::Settings& settings);

} // namespace ptk::generators
