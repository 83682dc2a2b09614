#include "generators/all.h"

#include "generators/cnn.h"
#include "generators/physics_unet.h"

namespace ptk::generators {

namespace {

template <class T>
std::unique_ptr<Generator> make(const Problem& problem, const config::Settings& settings, at::Generator random)
{
    return std::make_unique<T>(problem, settings, std::move(random));
}

} // namespace

GeneratorRegistry builtin_generators()
{
    GeneratorRegistry registry("generator");
    registry.add({.name = "physics_unet",
                  .summary = "small U-shaped network on top of one rPIE step; any probe, any N that 4 divides",
                  .source = "PtychoKit",
                  .capabilities = {"N % 4 = 0", "any probe", "any number of modes", "any group size"},
                  .options = physics_unet_options()},
                 make<PhysicsUnet>);
    registry.add({.name = "cnn",
                  .aliases = {"ptychopinn"},
                  .summary = "PtychoPINN's convolutional autoencoder with two decoders",
                  .source = "Hoidn et al., Sci. Rep. 13, 22789 (2023); PtychoPINN registry entry 'cnn'",
                  .capabilities = {"N = 64|128|256", "the probe it was trained with", "groups as channels"},
                  .options = cnn_options()},
                 make<Cnn>);
    return registry;
}

} // namespace ptk::generators
