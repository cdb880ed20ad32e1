#include "collect/facts.hpp"

#include <catch2/catch.hpp>

#include "collect/host_probe.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

TEST_CASE("a laptop's facts as JSON") {
  CHECK(
      to_json(read_facts(test::recorded_host("laptop-i7"))) ==
      R"j({"hostname":"laptop-i7","kernel":"6.1.0-26-amd64","architecture":"x86_64",)j"
      R"j("os":{"name":"Debian GNU/Linux 12 (bookworm)","id":"debian","version":"12"},)j"
      R"j("hardware":{"vendor":"LENOVO","product":"20XW004AGE",)j"
      R"j("product_version":"ThinkPad X1 Carbon Gen 9","board":"20XW004AGE"},)j"
      R"j("cpu":{"model":"11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz","vendor":"GenuineIntel",)j"
      R"j("sockets":1,"dies":1,"cores":4,"threads":8,"tdp_watts":28,)j"
      R"j("tdp_source":"powercap: what the packages are specified for","caches":[)j"
      R"j({"level":1,"type":"Data","size_bytes":49152,"shared_cpus":"0,4"},)j"
      R"j({"level":1,"type":"Instruction","size_bytes":32768,"shared_cpus":"0,4"},)j"
      R"j({"level":2,"type":"Unified","size_bytes":1310720,"shared_cpus":"0,4"},)j"
      R"j({"level":3,"type":"Unified","size_bytes":12582912,"shared_cpus":"0-7"}]},)j"
      R"j("memory_bytes":16492044288,"boot_time":"2026-11-20T20:19:00.000Z","power_sources":[)j"
      R"j({"source":"rapl","zone":"package","device":"package-0","readable":true},)j"
      R"j({"source":"rapl","zone":"core","device":"package-0/core","readable":true},)j"
      R"j({"source":"rapl","zone":"dram","device":"package-0/dram","readable":true},)j"
      R"j({"source":"rapl","zone":"uncore","device":"package-0/uncore","readable":true},)j"
      R"j({"source":"rapl","zone":"psys","device":"psys","readable":true},)j"
      R"j({"source":"battery","zone":"battery","device":"BAT0","readable":true}]})j");
}

TEST_CASE("a server has sockets, dies and a meter; a virtual machine says that it is one") {
  const HostFacts server = read_facts(test::recorded_host("server-2s"));
  CHECK(server.sockets == 2);
  CHECK(server.dies == 6);
  CHECK(server.threads == 16);
  CHECK(server.product == "SYS-222HA-TN");
  CHECK(server.product_version.empty());  // "0123456789" is nobody's version
  CHECK(server.virtualization.empty());
  CHECK(server.power_sources.size() == 18);
  CHECK(server.tdp.watts == 700);

  const HostFacts vm = read_facts(test::recorded_host("vm-2cpu"));
  CHECK(vm.virtualization == "vm");
  CHECK(vm.threads == 2);
  CHECK(vm.power_sources.empty());
  CHECK(vm.tdp.watts == Approx(205.0 / 56 * 2));
}

TEST_CASE("a host of which nothing can be read has empty facts") {
  const HostFacts facts = read_facts(test::host_in("/nonexistent"));
  CHECK(facts.threads == 0);
  CHECK(to_json(facts).starts_with(R"({"os":{},"hardware":{},"cpu":{"tdp_watts":4,)"));
}

TEST_CASE("os-release is read as a shell would") {
  const Assignments want = {
      {"A", "b c"}, {"Q", "say \"hi\""}, {"S", "a\\b"}, {"E", ""}, {"P", "x"}};
  CHECK(parse_os_release("A=\"b c\"\n# C=1\nbad line\n=x\nlower=1\nQ=\"say \\\"hi\\\"\"\n"
                         "S='a\\b'\nE=\"\"\n  P=x  \nN=\"\xff\"\n") == want);
  CHECK(parse_os_release("").empty());
}

TEST_CASE("cpuinfo gives model, vendor, threads and whether there is a hypervisor") {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: X\nflags\t\t: fpu hypervisor\n\n"
      "processor\t: 1\nvendor_id\t: Other\nmodel name\t: Y\n");
  CHECK(info.threads == 2);
  CHECK(info.model == "X");
  CHECK(info.vendor == "GenuineIntel");
  CHECK(info.hypervisor);
  CHECK_FALSE(parse_cpuinfo("flags : fpu hypervisors").hypervisor);
  CHECK(parse_cpuinfo("processor : x\n:::\nmodel name : \xff\n").threads == 0);
}

TEST_CASE("cache sizes have a unit") {
  CHECK(parse_cache_size("48K") == 49152);
  CHECK(parse_cache_size("2M") == 2097152);
  CHECK(parse_cache_size("512") == 512);
  for (const char* bad : {"", "K", "-1K", "1KB", "18446744073709551615K"}) {
    INFO(bad);
    CHECK_FALSE(parse_cache_size(bad));
  }
}

TEST_CASE("virtualization is told by firmware, else by the CPU") {
  CHECK(virtualization_of("QEMU", "Standard PC", true) == "kvm");
  CHECK(virtualization_of("Amazon EC2", "m5.large", true) == "amazon");
  CHECK(virtualization_of("Amazon EC2", "m5.metal", false).empty());
  CHECK(virtualization_of("Microsoft Corporation", "Virtual Machine", true) == "microsoft");
  CHECK(virtualization_of("Microsoft Corporation", "Surface Pro", false).empty());
  CHECK(virtualization_of("", "", true) == "vm");
  CHECK(virtualization_of("LENOVO", "20XW", false).empty());
}

}  // namespace
}  // namespace volta
