#include "generators/module.h"

namespace ptk::generators {

namespace {

std::string below(const std::string& prefix, const std::string& name)
{
    return name.empty() ? prefix : prefix + name + ".";
}

} // namespace

void Module::add_parameter(std::string name, at::Tensor& tensor)
{
    tensor.requires_grad_(true);
    parameters_.emplace_back(std::move(name), &tensor);
}

void Module::add_buffer(std::string name, at::Tensor& tensor)
{
    buffers_.emplace_back(std::move(name), &tensor);
}

void Module::add_child(std::string name, Module& child)
{
    children_.emplace_back(std::move(name), &child);
}

void Module::add_alias(std::string name, Module& module)
{
    aliases_.emplace_back(std::move(name), &module);
}

void Module::collect(const std::string& prefix, bool buffers, std::vector<Named>& out)
{
    for (auto& [name, tensor] : buffers ? buffers_ : parameters_)
        out.push_back({prefix + name, tensor});
    for (auto& [name, child] : children_)
        child->collect(below(prefix, name), buffers, out);
}

void Module::collect_aliases(const std::string& prefix, std::vector<Named>& out)
{
    for (auto& [name, module] : aliases_) {
        module->collect(below(prefix, name), false, out);
        module->collect(below(prefix, name), true, out);
        module->collect_aliases(below(prefix, name), out);
    }
    for (auto& [name, child] : children_)
        child->collect_aliases(below(prefix, name), out);
}

std::vector<Module::Named> Module::named_parameters()
{
    std::vector<Named> all;
    collect("", false, all);
    return all;
}

std::vector<Module::Named> Module::named_buffers()
{
    std::vector<Named> all;
    collect("", true, all);
    return all;
}

std::vector<Module::Named> Module::named_aliases()
{
    std::vector<Named> all;
    collect_aliases("", all);
    return all;
}

std::vector<at::Tensor> Module::parameters()
{
    std::vector<at::Tensor> tensors;
    for (const auto& parameter : named_parameters())
        tensors.push_back(*parameter.tensor);
    return tensors;
}

void Module::set_training(bool training)
{
    training_ = training;
    for (auto& [name, child] : children_)
        child->set_training(training);
}

void Module::to(c10::Device device)
{
    // A copy made by autograd would not be a leaf, and its gradient would be lost.
    for (const auto& parameter : named_parameters())
        if (parameter.tensor->device() != device)
            *parameter.tensor = parameter.tensor->detach().to(device).requires_grad_(true);
    for (const auto& buffer : named_buffers())
        *buffer.tensor = buffer.tensor->to(device);
}

} // namespace ptk::generators
