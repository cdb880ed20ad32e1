#include "collect/mounts.hpp"

#include <catch2/catch.hpp>

namespace volta {
namespace {

TEST_CASE("a line of mountinfo is read whatever stands in its optional fields") {
  struct Case {
    const char* line;
    std::optional<Mount> want;
  };
  const auto check = [](const Case& c) {
    INFO(c.line);
    CHECK(parse_mountinfo_line(c.line) == c.want);
  };
  const Mount root{"/dev/sda1", "ext4", "/", 8, 1, false};
  check({"28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw", root});
  check({"28 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw", root});
  check({"28 1 8:1 / / rw shared:1 master:2 unbindable - ext4 /dev/sda1 rw", root});
  check({"28 1 8:1 / / rw - ext4 /dev/sda1", root});
  check({R"(9 1 0:5 / /a\040b\134c\011 rw - vfat /dev/x\040y rw)",
         Mount{"/dev/x y", "vfat", "/a b\\c\t", 0, 5, false}});
  check({R"(9 1 0:5 / /odd\04 rw - vfat d\9 rw)", Mount{"d\\9", "vfat", "/odd\\04", 0, 5, false}});
  check({"9 1 0:5 / /x ro - vfat d rw", Mount{"d", "vfat", "/x", 0, 5, true}});
  check({"9 1 0:5 / /x rw - vfat d ro,errors=remount-ro", Mount{"d", "vfat", "/x", 0, 5, true}});
  check({"9 1 0:5 / /x rw - vfat d rw,errors=remount-ro", Mount{"d", "vfat", "/x", 0, 5, false}});
  for (const char* broken :
       {"", "x", "28 1 8:1", "28 1 8:1 / / rw", "28 1 8:1 / / rw -", "28 1 8:1 / / rw - ext4",
        "a 1 8:1 / / rw - ext4 d rw", "28 1 81 / / rw - ext4 d rw", "28 1 8:x / / rw - ext4 d rw",
        "28 1 8:-1 / / rw - ext4 d rw", "28 1 99999999999:1 / / rw - ext4 d rw",
        "28 1 8:1 / relative rw - ext4 d rw"}) {
    check({broken, std::nullopt});
  }
}

std::vector<std::string> points(std::string_view text, bool network) {
  std::uint64_t malformed = 0;
  std::vector<std::string> out;
  for (const Mount& mount : real_filesystems(text, network, malformed)) {
    out.push_back(mount.mountpoint);
  }
  return out;
}

TEST_CASE("only filesystems that hold data are shown, each device once") {
  using Points = std::vector<std::string>;
  const std::string_view text =
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "2 1 0:5 / /proc rw - proc proc rw\n"
      "3 1 0:6 / /run rw - tmpfs tmpfs rw\n"
      "4 1 8:1 /home /home rw - ext4 /dev/sda1 rw\n"
      "5 1 8:2 /b /srv/longer rw - xfs /dev/sda2 rw\n"
      "6 1 8:2 / /srv/a rw - xfs /dev/sda2 rw\n"
      "7 1 0:9 / /mnt/n rw - nfs4 server:/x rw\n"
      "8 1 0:10 / /mnt/s rw - fuse.sshfs u@h: rw\n"
      "9 1 0:11 / /mnt/g rw - fuse.gvfsd-fuse g rw\n"
      "10 1 0:12 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw\n"
      "11 1 0:13 / /tank rw - zfs tank rw\n"
      "12 1 0:14 / /docker/merged rw - overlay overlay rw\n"
      "nonsense\n";
  CHECK(points(text, false) == Points{"/", "/mnt/ntfs", "/srv/a", "/tank"});
  CHECK(points(text, true) == Points{"/", "/mnt/n", "/mnt/ntfs", "/mnt/s", "/srv/a", "/tank"});
  CHECK(points("1 0 0:40 / / rw - overlay overlay rw\n", false) == Points{"/"});
  CHECK(points("1 0 0:1 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 /dev/sda1 rw\n", false) ==
        Points{"/"});
  CHECK(points("1 0 8:1 / /x rw - ext4 a rw\n2 1 0:9 / /x rw - tmpfs b rw\n", false).empty());
  CHECK(points("", false).empty());
  std::uint64_t malformed = 0;
  real_filesystems("nonsense\n\n28 1 8:1\n", false, malformed);
  CHECK(malformed == 2);
}

}  // namespace
}  // namespace volta
