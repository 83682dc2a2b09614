#include "core/generators/testing.h"
#include "core/golden.h"
#include "generators/blocks/conv_blocks.h"
#include "generators/blocks/module_list.h"
#include "generators/module.h"

#include <ATen/CPUGeneratorImpl.h>

namespace {

using namespace ptk;
using namespace ptk::generators;

at::Generator pytorch_seed(std::uint64_t seed)
{
    return at::make_generator<at::CPUGeneratorImpl>(seed);
}

void expect_values(const at::Tensor& tensor, const std::vector<float>& first, const char* what)
{
    golden::expect_close(tensor.flatten().slice(0, 0, static_cast<std::int64_t>(first.size())), at::tensor(first), 1e-6,
                         what);
}

// Expected: torch.manual_seed(0); Conv2d(3, 5, 3); ConvTranspose2d(4, 6, 2, 2); Linear(7, 3) of PyTorch 2.12.
TEST(Layers, AreInitialisedAsPyTorchsAre)
{
    const auto random = pytorch_seed(0);
    Conv2d convolution(3, 5, 3, random);
    ConvTranspose2d transposed(4, 6, 2, random);
    Linear linear(7, 3, random);
    expect_values(*convolution.named_parameters()[0].tensor,
                  {-0.00144083926F, 0.10323862F, -0.158395112F, -0.141631529F}, "convolution");
    expect_values(*convolution.named_parameters()[1].tensor,
                  {-0.0197839178F, 0.00534861442F, -0.0166024584F, 0.0389483124F, 0.12236736F}, "its bias");
    expect_values(*transposed.named_parameters()[0].tensor, {0.193355829F, 0.129630253F, 0.193798229F, -0.0147625962F},
                  "transposed");
    expect_values(*transposed.named_parameters()[1].tensor,
                  {0.0915505141F, -0.14429456F, -0.0865129456F, 0.0600375459F}, "its bias");
    expect_values(*linear.named_parameters()[0].tensor, {-0.121672757F, 0.00060506881F, 0.19458501F, -0.365526468F},
                  "linear");
    expect_values(*linear.named_parameters()[1].tensor, {0.290095985F, 0.13709645F, -0.126224905F}, "its bias");
}

TEST(Layers, TransposedConvolutionMakesASquareOfEveryPixel)
{
    ConvTranspose2d layer(1, 1, 2, pytorch_seed(1));
    const c10::NoGradGuard no_gradient;
    const auto& weight = *layer.named_parameters()[0].tensor;
    const auto& bias = *layer.named_parameters()[1].tensor;
    auto x = at::zeros({1, 1, 3, 3});
    x[0][0][1][2] = 2;
    const auto y = layer(x);
    ASSERT_EQ(y.sizes(), at::IntArrayRef({1, 1, 6, 6}));
    golden::expect_close(y[0][0].slice(0, 2, 4).slice(1, 4, 6), 2 * weight[0][0] + bias, 1e-6, "square");
    EXPECT_EQ((y != bias).sum().item<std::int64_t>(), 4);
}

struct Tree : Module {
    Tree()
    {
        own = at::ones({2});
        statistic = at::zeros({3});
        list.append(1, 2, true, pytorch_seed(1));
        list.append(2, 2, false, pytorch_seed(2));
        // Parameters come before children whatever the order of registration, as in a state_dict.
        add_child("blocks", list);
        add_parameter("scale", own);
        add_buffer("mean", statistic);
    }
    at::Tensor own;
    at::Tensor statistic;
    ModuleList<ConvUpBlock> list;
};

TEST(Module, NamesAreThoseOfAStateDict)
{
    Tree tree;
    std::vector<std::string> names;
    for (const auto& parameter : tree.named_parameters())
        names.push_back(parameter.name);
    EXPECT_EQ(names, (std::vector<std::string>{"scale", "blocks.0.conv1.weight", "blocks.0.conv1.bias",
                                               "blocks.0.conv2.weight", "blocks.0.conv2.bias", "blocks.0.bn1.weight",
                                               "blocks.0.bn1.bias", "blocks.0.bn2.weight", "blocks.0.bn2.bias",
                                               "blocks.1.conv1.weight", "blocks.1.conv1.bias", "blocks.1.conv2.weight",
                                               "blocks.1.conv2.bias"}));
    const auto buffers = tree.named_buffers();
    ASSERT_EQ(buffers.size(), 7U);
    EXPECT_EQ(buffers[0].name, "mean");
    EXPECT_EQ(buffers[3].name, "blocks.0.bn1.num_batches_tracked");
}

struct Sharing : Module {
    Sharing()
    {
        add_child("net", tree);
        add_alias("second", tree.list);
        add_child("", top);
    }
    Tree tree;
    Conv2d top{1, 1, 1, pytorch_seed(3)};
};

TEST(Module, AliasesNameTensorsThatAreThereOnce)
{
    Sharing module;
    EXPECT_EQ(module.named_parameters().size(), 15U);
    EXPECT_EQ(module.named_parameters().back().name, "bias") << "a child without a name puts its tensors on this level";
    const auto aliases = module.named_aliases();
    ASSERT_EQ(aliases.size(), 18U) << "12 parameters and 6 buffers of the list";
    EXPECT_EQ(aliases[0].name, "second.0.conv1.weight");
    EXPECT_EQ(aliases[0].tensor, module.named_parameters()[1].tensor);
    EXPECT_EQ(aliases[12].name, "second.0.bn1.running_mean");
}

TEST(Module, TrainingModeReachesEveryLevel)
{
    Tree tree;
    const auto tracked = [&] { return tree.named_buffers()[3].tensor->item<std::int64_t>(); };
    const auto x = at::rand({2, 1, 4, 4});
    tree.list[0](x);
    EXPECT_EQ(tracked(), 0);
    tree.set_training(true);
    tree.list[0](x);
    EXPECT_EQ(tracked(), 1);
    tree.set_training(false);
    tree.list[0](x);
    EXPECT_EQ(tracked(), 1);
}

TEST(Module, ParametersStayLeavesWhenMoved)
{
    Tree tree;
    tree.to(at::kMeta); // a device that is always there
    for (const auto& parameter : tree.parameters()) {
        EXPECT_TRUE(parameter.is_meta());
        EXPECT_TRUE(parameter.requires_grad() && parameter.is_leaf());
    }
    for (const auto& buffer : tree.named_buffers())
        EXPECT_TRUE(buffer.tensor->is_meta()) << buffer.name;
}

TEST(Module, SameSeedSameWeights)
{
    for (const auto* name : {"cnn", "physics_unet", "fno_vanilla", "ffno", "unet", "vit"}) {
        const auto a = generators::testing::make(name, {64, 1}, "{}", 7);
        const auto b = generators::testing::make(name, {64, 1}, "{}", 7);
        const auto c = generators::testing::make(name, {64, 1}, "{}", 8);
        const auto pa = a->parameters();
        const auto pb = b->parameters();
        const auto pc = c->parameters();
        ASSERT_EQ(pa.size(), pb.size());
        for (std::size_t i = 0; i < pa.size(); ++i)
            EXPECT_TRUE(at::equal(pa[i], pb[i])) << name << " " << i;
        EXPECT_FALSE(at::equal(pa[0], pc[0])) << name;
        for (std::size_t i = 0; i < pa.size(); ++i)
            EXPECT_TRUE(at::isfinite(pa[i]).all().item<bool>()) << name << " " << i;
    }
}

} // namespace
