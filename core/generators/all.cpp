#include "generators/all.h"

#include "generators/cnn.h"
#include "generators/ffno.h"
#include "generators/fno.h"
#include "generators/hybrid.h"
#include "generators/hybrid_resnet.h"
#include "generators/neuralop_uno.h"
#include "generators/physics_unet.h"
#include "generators/unet.h"
#include "generators/vit.h"

namespace ptk::generators {

namespace {

constexpr const char* ptychopinn = "; PtychoPINN registry entry of this name";

template <class T>
std::unique_ptr<Generator> make(const Problem& problem, const config::Settings& settings, at::Generator random)
{
    return std::make_unique<T>(problem, settings, std::move(random));
}

/// What PtychoPINN's generators have in common.
std::vector<std::string> capabilities(const std::string& sides,
                                      const std::string& outputs = "output real_imag|amp_phase|amp_phase_logits")
{
    return {sides, "C = 1..64 frames as channels", outputs, "the probe it was trained with"};
}

void add_own(GeneratorRegistry& registry)
{
    const auto add = [&](std::string name, std::string summary, config::Schema options) {
        registry.add({.name = std::move(name),
                      .summary = std::move(summary),
                      .source = "PtychoKit",
                      .capabilities = {"N % 2^levels = 0", "any group size", "output real_imag",
                                       "needs a probe: any, with any number of modes"},
                      .options = std::move(options)},
                     make<PhysicsUnet>);
    };
    add("physics_unet", "small U-shaped network on top of one rPIE step, with several looks at each frame; any probe",
        physics_unet_options());
    add("light", "the physics_unet, narrow and with one look at each frame: fast, for live use", light_options());
}

void add_convolutional(GeneratorRegistry& registry)
{
    registry.add({.name = "cnn",
                  .aliases = {"ptychopinn"},
                  .summary = "PtychoPINN's convolutional autoencoder with two decoders",
                  .source = "Hoidn et al., Sci. Rep. 13, 22789 (2023); PtychoPINN registry entry 'cnn'",
                  .capabilities = capabilities("N = 64|128|256", "output amp_phase|real_imag"),
                  .options = cnn_options()},
                 make<Cnn>);
    registry.add({.name = "unet",
                  .summary = "U-Net: convolutions on every size, joined on the way back",
                  .source = "Ronneberger et al., MICCAI 2015",
                  .capabilities = capabilities("N % 2^levels = 0"),
                  .options = unet_options()},
                 make<Unet>);
}

void add_fourier(GeneratorRegistry& registry)
{
    registry.add({.name = "fno",
                  .summary = "Fourier neural operator at constant size, then convolutions",
                  .source = std::string("Li et al., ICLR 2021") + ptychopinn,
                  .capabilities = capabilities("any N"),
                  .options = fno_options()},
                 make<Fno>);
    registry.add({.name = "fno_vanilla",
                  .summary = "Fourier neural operator at constant size",
                  .source = std::string("Li et al., ICLR 2021") + ptychopinn,
                  .capabilities = capabilities("any N"),
                  .options = fno_vanilla_options()},
                 make<FnoVanilla>);
    registry.add({.name = "ffno",
                  .summary = "factorized Fourier neural operator: few weights, whole rows and columns at once",
                  .source = std::string("Tran et al., ICLR 2023") + ptychopinn,
                  .capabilities = capabilities("any N"),
                  .options = ffno_options()},
                 make<Ffno>);
    registry.add({.name = "hybrid",
                  .aliases = {"hybrid_uno"},
                  .summary = "U-shaped Fourier neural operator with joined features of every size",
                  .source = std::string("Rahman et al., TMLR 2023") + ptychopinn,
                  .capabilities = capabilities("N % 2^(blocks-1) = 0"),
                  .options = hybrid_options()},
                 make<Hybrid>);
    registry.add({.name = "stable_hybrid",
                  .summary = "hybrid of normalised blocks that start nearly as the identity",
                  .source = std::string("Rahman et al., TMLR 2023; Touvron et al., ICCV 2021") + ptychopinn,
                  .capabilities = capabilities("N % 2^(blocks-1) = 0"),
                  .options = hybrid_options()},
                 make<StableHybrid>);
}

void add_hybrid_resnets(GeneratorRegistry& registry)
{
    for (const auto& variant : hybrid_resnet_family()) {
        registry.add({.name = variant.name,
                      .summary = variant.summary,
                      .source = std::string(variant.source) + ptychopinn,
                      .capabilities = capabilities("N % 2^hybrid_downsample_steps = 0"),
                      .options = HybridResnet::options(variant)},
                     [&variant](const Problem& problem, const config::Settings& settings, at::Generator random) {
                         return std::make_unique<HybridResnet>(variant, problem, settings, std::move(random));
                     });
    }
}

void add_others(GeneratorRegistry& registry)
{
    registry.add({.name = "vit",
                  .summary = "vision transformer on squares of pixels; costly at large N",
                  .source = std::string("Dosovitskiy et al., ICLR 2021; Darcet et al., ICLR 2024") + ptychopinn,
                  .capabilities = capabilities("N % patch_size = 0"),
                  .options = vit_options()},
                 make<Vit>);
    registry.add({.name = "neuralop_uno",
                  .aliases = {"uno"},
                  .summary = "U-shaped neural operator of the library neuraloperator 2.0.0",
                  .source = std::string("Rahman et al., TMLR 2023") + ptychopinn,
                  .capabilities = capabilities("N % 4 = 0, N >= 2 modes"),
                  .options = neuralop_uno_options()},
                 make<NeuralopUno>);
}

void add_torchscript(GeneratorRegistry& registry, std::shared_ptr<Programs> programs)
{
    registry.add({.name = "torchscript",
                  .summary = "a network of your own: a TorchScript program (torch.jit.save), trained on",
                  .source = "generator.file",
                  .capabilities = capabilities("any N that the program takes"),
                  .options = torchscript_options()},
                 [programs = std::move(programs)](const Problem& problem, const config::Settings& settings,
                                                  const at::Generator&) {
                     return make_torchscript(*programs, problem, settings);
                 });
}

} // namespace

GeneratorRegistry builtin_generators(std::shared_ptr<Programs> programs)
{
    GeneratorRegistry registry("generator");
    add_own(registry);
    add_convolutional(registry);
    add_fourier(registry);
    add_hybrid_resnets(registry);
    add_others(registry);
    add_torchscript(registry, std::move(programs));
    return registry;
}

} // namespace ptk::generators
