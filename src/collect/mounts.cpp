#include "collect/mounts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"

namespace volta {
namespace {

// Kernel interfaces, memory, images that are always full, and layers over what is counted already.
constexpr std::array kPseudo = {
    "autofs",      "bdev",          "binderfs",        "binfmt_misc",
    "bpf",         "cgroup",        "cgroup2",         "configfs",
    "cpuset",      "debugfs",       "devfs",           "devpts",
    "devtmpfs",    "ecryptfs",      "efivarfs",        "erofs",
    "fusectl",     "hugetlbfs",     "iso9660",         "mqueue",
    "nsfs",        "nfsd",          "overlay",         "pipefs",
    "proc",        "pstore",        "ramfs",           "resctrl",
    "rootfs",      "selinuxfs",     "securityfs",      "smackfs",
    "sockfs",      "squashfs",      "sysfs",           "tmpfs",
    "tracefs",     "xenfs",         "fuse.gvfsd-fuse", "fuse.lxcfs",
    "fuse.portal", "fuse.snapfuse", "fuse.squashfuse", "fuse.archivemount",
    "rpc_pipefs"};
// Their servers may be away, and they are counted on the machine that has them. Every other fuse.*
// belongs here too: nobody knows what stands behind it.
constexpr std::array kNetwork = {"9p",   "afs",   "beegfs", "ceph",      "cifs",
                                 "coda", "gfs2",  "gpfs",   "lustre",    "ncpfs",
                                 "nfs",  "nfs4",  "ocfs2",  "orangefs",  "pvfs2",
                                 "smb3", "smbfs", "vboxsf", "glusterfs", "virtiofs"};

template <std::size_t N>
bool one_of(const std::array<const char*, N>& list, std::string_view type) {
  return std::any_of(list.begin(), list.end(), [&](const char* entry) { return type == entry; });
}

bool wanted(const Mount& mount, bool network) {
  // A container's root is an overlay or a network disk, and still all the space that it has.
  if (mount.mountpoint == "/") return mount.fstype != "rootfs";
  if (one_of(kPseudo, mount.fstype)) return false;
  const bool remote = one_of(kNetwork, mount.fstype) || mount.fstype.starts_with("fuse.");
  return network || !remote;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes blank, tab, LF and backslash as \ooo.
std::string decode(std::string_view field) {
  std::string out;
  out.reserve(field.size());
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && is_octal(field[i + 1]) &&
        is_octal(field[i + 2]) && is_octal(field[i + 3])) {
      const int code = (field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0');
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += field[i];
    }
  }
  return out;
}

bool has_option(std::string_view options, std::string_view wanted_option) {
  while (!options.empty()) {
    const auto comma = options.find(',');
    if (options.substr(0, comma) == wanted_option) return true;
    if (comma == std::string_view::npos) return false;
    options.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

std::optional<Mount> parse_mountinfo_line(std::string_view line) {
  std::string_view rest = line;
  const auto id = parse_integer<std::uint32_t>(next_field(rest));
  const auto parent = parse_integer<std::uint32_t>(next_field(rest));
  const std::string_view numbers = next_field(rest);
  const auto colon = numbers.find(':');
  if (!id || !parent || colon == std::string_view::npos) return std::nullopt;
  const auto major = parse_integer<std::uint32_t>(numbers.substr(0, colon));
  const auto minor = parse_integer<std::uint32_t>(numbers.substr(colon + 1));
  next_field(rest);  // the root within the filesystem
  const std::string_view mountpoint = next_field(rest);
  const std::string_view options = next_field(rest);
  if (!major || !minor || mountpoint.empty() || mountpoint.front() != '/') return std::nullopt;
  while (true) {  // optional fields end with a dash
    const std::string_view field = next_field(rest);
    if (field.empty()) return std::nullopt;
    if (field == "-") break;
  }
  const std::string_view type = next_field(rest);
  const std::string_view source = next_field(rest);
  const std::string_view super_options = next_field(rest);
  if (type.empty() || source.empty()) return std::nullopt;
  return Mount{
      decode(source), decode(type), decode(mountpoint),
      *major,         *minor,       has_option(options, "ro") || has_option(super_options, "ro")};
}

std::vector<Mount> real_filesystems(std::string_view text, bool network, std::uint64_t& malformed) {
  std::map<std::string, Mount> by_point;
  while (const auto line = next_line(text)) {
    if (trim(*line).empty()) continue;
    auto mount = parse_mountinfo_line(*line);
    if (!mount) {
      ++malformed;
      continue;
    }
    std::string point = mount->mountpoint;
    by_point.insert_or_assign(std::move(point), std::move(*mount));
  }
  // By device; the shortest path wins, the first in order of equals.
  std::map<std::pair<std::uint32_t, std::uint32_t>, const Mount*> by_device;
  for (const auto& [point, mount] : by_point) {
    if (!wanted(mount, network)) continue;
    const auto [place, is_new] = by_device.try_emplace({mount.major, mount.minor}, &mount);
    if (!is_new && point.size() < place->second->mountpoint.size()) place->second = &mount;
  }
  std::vector<Mount> found;
  found.reserve(by_device.size());
  for (const auto& [device, mount] : by_device) found.push_back(*mount);
  std::sort(found.begin(), found.end(),
            [](const Mount& a, const Mount& b) { return a.mountpoint < b.mountpoint; });
  return found;
}

}  // namespace volta
