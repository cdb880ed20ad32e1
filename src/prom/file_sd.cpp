#include "prom/file_sd.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "base/whole_file.hpp"

namespace volta {
namespace {

namespace json = boost::json;

std::string text_of(const json::string& text) { return {text.data(), text.size()}; }

Result<TargetGroup> target_group_of(const json::value& entry) {
  if (!entry.is_object()) return Error{"an element is not an object"};
  TargetGroup group;
  for (const auto& member : entry.get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    const json::value& content = member.value();
    if (key == "targets" && content.is_array()) {
      for (const json::value& address : content.get_array()) {
        if (!address.is_string()) return Error{"a target is not a text"};
        group.addresses.push_back(text_of(address.get_string()));
      }
    } else if (key == "labels" && content.is_object()) {
      for (const auto& label : content.get_object()) {
        if (!label.value().is_string()) return Error{"a label's value is not a text"};
        group.labels.emplace_back(std::string(label.key().data(), label.key().size()),
                                  text_of(label.value().get_string()));
      }
    } else {
      return Error{"'" + std::string(key) +
                   "' is neither a list of targets nor an object of labels"};
    }
  }
  std::sort(group.labels.begin(), group.labels.end());
  std::erase_if(group.labels, [](const auto& label) { return label.second.empty(); });
  for (const auto& [name, value] : group.labels) {
    // Labels for relabelling (__meta_...) are allowed here, so only the characters are looked at.
    if (!series_problem({"x", {{name, "v"}}, {}, {}, 0, "", {}}).empty() && name != "host") {
      return Error{"'" + name + "' cannot be the name of a label"};
    }
  }
  return group;
}

// The files that a path with a pattern stands for; those that were found before it failed.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path,
                                            std::error_code& failed) {
  failed.clear();
  const std::string pattern = path.filename();
  if (pattern.find('*') == std::string::npos) return {path};
  std::vector<std::filesystem::path> found;
  for (std::filesystem::directory_iterator it(path.parent_path(), failed), end;
       !failed && it != end; it.increment(failed)) {
    if (glob_match(pattern, it->path().filename().native())) found.push_back(it->path());
  }
  return found;
}

bool stands_for(const std::filesystem::path& pattern, const std::filesystem::path& file) {
  return pattern.parent_path() == file.parent_path() &&
         glob_match(pattern.filename().native(), file.filename().native());
}

// And not only out of reach at the moment.
bool is_gone(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() == std::filesystem::file_type::not_found;
}

}  // namespace

Result<std::vector<TargetGroup>> parse_target_groups(std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code failed;
  const json::value value = json::parse({text.data(), text.size()}, failed, {}, options);
  if (failed || !value.is_array()) return Error{"it is not a JSON list"};
  std::vector<TargetGroup> groups;
  for (const json::value& entry : value.get_array()) {
    auto group = target_group_of(entry);
    if (!group) return group.error();
    groups.push_back(std::move(group).value());
  }
  return groups;
}

void FileTargets::refresh() {
  complaints_.clear();
  std::set<std::filesystem::path> present;
  for (const std::string& text : paths_) {
    const std::filesystem::path path = text;
    std::error_code failed;
    for (const std::filesystem::path& file : files_of(path, failed)) present.insert(file);
    if (!failed || is_gone(path.parent_path())) continue;
    complaints_.push_back(path.parent_path().string() + ": " + failed.message());
    for (const auto& [file, known] : files_) {
      if (stands_for(path, file)) present.insert(file);
    }
  }
  std::erase_if(files_, [&](const auto& item) { return !present.contains(item.first); });
  for (const std::filesystem::path& path : present) {
    auto content = read_whole_file(path, kLongestFile);
    if (!content) {
      complaints_.push_back(content.error().text);
      if (is_gone(path)) files_.erase(path);
      continue;
    }
    const auto known = files_.find(path);
    if (known != files_.end() && known->second.content == content.value()) continue;
    auto groups = parse_target_groups(content.value());
    if (groups) {
      files_[path] = {std::move(content).value(), std::move(groups).value()};
    } else {
      complaints_.push_back(path.string() + ": " + groups.error().text);
    }
  }
}

std::vector<TargetGroup> FileTargets::groups() const {
  std::vector<TargetGroup> all;
  for (const auto& [path, file] : files_)
    all.insert(all.end(), file.groups.begin(), file.groups.end());
  return all;
}

}  // namespace volta
