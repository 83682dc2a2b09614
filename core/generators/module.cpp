#include "generators/module.h"

namespace ptk::generators {

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

void Module::collect(const std::string& prefix, bool buffers, std::vector<Named>& out)
{
    for (auto& [name, tensor] : buffers ? buffers_ : parameters_)
        out.push_back({prefix + name, tensor});
    for (auto& [name, child] : children_)
        child->collect(prefix + name + ".", buffers, out);
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
