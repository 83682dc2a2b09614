#include "generators/vit.h"

#include "generators/blocks/autocast.h"
#include "generators/blocks/flops.h"
#include "generators/blocks/initial.h"
#include "generators/common_options.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>

namespace ptk::generators {

namespace {

constexpr std::int64_t registers = 4;
constexpr std::int64_t mlp_ratio = 4;
constexpr double position_deviation = 0.02;
constexpr double initial_scale = 1e-5;
constexpr double rotation_base = 1e4;

/// exp(i angle) for each token and pair of components: the first half of the pairs turns with the row, the second with
/// the column, from one radian a square down to 1/base; register tokens do not turn.
at::Tensor rotations(std::int64_t grid, std::int64_t head_width)
{
    const auto pairs = head_width / 4;
    const auto speed = at::pow(rotation_base, -at::arange(pairs, at::kDouble) / static_cast<double>(pairs));
    const auto turn = at::arange(grid, at::kDouble).unsqueeze(1) * speed;
    const auto rows = turn.unsqueeze(1).expand({grid, grid, pairs});
    const auto columns = turn.unsqueeze(0).expand({grid, grid, pairs});
    const auto angle = at::cat({at::zeros({registers, 2 * pairs}, at::kDouble),
                                at::cat({rows, columns}, 2).reshape({grid * grid, 2 * pairs})})
                           .to(at::kFloat);
    return at::polar(at::ones_like(angle), angle);
}

at::Tensor rotated(const at::Tensor& x, const at::Tensor& rotation)
{
    auto pairs = x.sizes().vec();
    pairs.back() /= 2;
    pairs.push_back(2);
    return in_float32(x, [&](const at::Tensor& full) {
        return at::view_as_real(at::view_as_complex(full.reshape(pairs)) * rotation).flatten(-2);
    });
}

std::int64_t head_width(const config::Settings& settings)
{
    const auto width = settings.integer("generator.width");
    const auto heads = settings.integer("generator.heads");
    require(width % heads == 0 && width / heads % 4 == 0, Status::InvalidConfig,
            "generator.width: expected a multiple of 4 x generator.heads = {}, found {}", 4 * heads, width);
    return width / heads;
}

} // namespace

config::Schema vit_options()
{
    auto width = options::width(256);
    width.meaning = "components of a token, a multiple of 4 x heads";
    width.aliases.emplace_back("width");
    return config::Schema({options::channels(), width,
                           options::count("patch_size", 4, "pixels along a side of the square that is one token", 256),
                           options::count("depth", 12, "blocks of attention", 64),
                           options::count("heads", 4, "attentions side by side in a block", 64), options::output_mode(),
                           options::input_transform()});
}

Vit::Attention::Attention(std::int64_t width, std::int64_t heads, at::Generator random)
    : heads(heads), qkv(width, 3 * width, random, false), q_norm(width / heads), k_norm(width / heads),
      projection(width, width, random)
{
    add_child("qkv", qkv);
    add_child("q_norm", q_norm);
    add_child("k_norm", k_norm);
    add_child("projection", projection);
}

at::Tensor Vit::Attention::operator()(const at::Tensor& tokens, const at::Tensor& rotation) const
{
    const auto batch = tokens.size(0);
    const auto count = tokens.size(1);
    const auto width = tokens.size(2);
    const auto parts = qkv(tokens).view({batch, count, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
    const auto query = rotated(q_norm(parts[0]), rotation);
    const auto key = rotated(k_norm(parts[1]), rotation);
    FlopCount::add(4.0 * static_cast<double>(batch * count) * static_cast<double>(count * width));
    const auto attended = at::scaled_dot_product_attention(query, key, parts[2]);
    return projection(attended.transpose(1, 2).reshape({batch, count, width}));
}

Vit::Block::Block(std::int64_t width, std::int64_t heads, at::Generator random)
    : scale_attention(at::full({width}, initial_scale, at::kFloat)),
      scale_mlp(at::full({width}, initial_scale, at::kFloat)), norm1(width), attention(width, heads, random),
      norm2(width), mlp_in(width, mlp_ratio * width, random), mlp_out(mlp_ratio * width, width, random)
{
    add_parameter("scale_attention", scale_attention);
    add_parameter("scale_mlp", scale_mlp);
    add_child("norm1", norm1);
    add_child("attention", attention);
    add_child("norm2", norm2);
    add_child("mlp.0", mlp_in);
    add_child("mlp.2", mlp_out);
}

at::Tensor Vit::Block::operator()(at::Tensor tokens, const at::Tensor& rotation) const
{
    tokens = tokens + scale_attention * attention(norm1(tokens), rotation);
    return tokens + scale_mlp * mlp_out(at::gelu(mlp_in(norm2(tokens))));
}

Vit::Vit(const Problem& problem, const config::Settings& settings, at::Generator random)
    : ChannelGenerator(layout_of("vit", problem, settings, settings.integer("generator.patch_size"))),
      patch_(settings.integer("generator.patch_size")), grid_(problem.side / patch_),
      transform_(input_transform_of(settings)), rotation_(rotations(grid_, head_width(settings))),
      register_tokens_(normal_weights({1, registers, settings.integer("generator.width")}, position_deviation, random)),
      absolute_position_(normal_weights({1, registers + grid_ * grid_, settings.integer("generator.width")},
                                        position_deviation, random)),
      patch_embedding_(channels(), settings.integer("generator.width"), patch_, random),
      norm_(settings.integer("generator.width")),
      amplitude_decoder_(settings.integer("generator.width"), channels() * patch_ * patch_, 1, random),
      phase_decoder_(settings.integer("generator.width"), channels() * patch_ * patch_, 1, random)
{
    for (std::int64_t i = 0; i < settings.integer("generator.depth"); ++i)
        blocks_.append(settings.integer("generator.width"), settings.integer("generator.heads"), random);
    add_parameter("register_tokens", register_tokens_);
    add_parameter("absolute_position", absolute_position_);
    add_child("patch_embedding", patch_embedding_);
    add_child("blocks", blocks_);
    add_child("norm", norm_);
    add_child("amplitude_decoder", amplitude_decoder_);
    add_child("phase_decoder", phase_decoder_);
}

ChannelGenerator::Branches Vit::branches(const at::Tensor& x)
{
    const auto rotation = rotation_.to(x.device());
    const auto squares = patch_embedding_(transformed(x, transform_)).flatten(2).transpose(1, 2);
    auto tokens = at::cat({register_tokens_.expand({x.size(0), -1, -1}), squares}, 1) + absolute_position_;
    for (std::size_t i = 0; i < blocks_.size(); ++i)
        tokens = blocks_[i](tokens, rotation);
    const auto features =
        norm_(tokens.slice(1, registers)).transpose(1, 2).reshape({x.size(0), tokens.size(2), grid_, grid_});
    auto first = at::pixel_shuffle(amplitude_decoder_(features), patch_);
    auto second = at::pixel_shuffle(phase_decoder_(features), patch_);
    if (layout().output != OutputMode::AmpPhase)
        return {first, second};
    return bounded(first, second);
}

} // namespace ptk::generators
