#include "app/setting_tables.hpp"

#include <catch2/catch.hpp>

#include "app/settings.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

Result<Settings> read_tables(const std::string& file, const std::string& role = "local") {
  const test::TempDir dir;
  dir.write("c.toml", file);
  return read_settings({role, dir.path() / "c.toml", {}, {}});
}

std::string tables_refusal(const std::string& file) {
  const auto settings = read_tables(file);
  REQUIRE_FALSE(settings);
  const std::string& text = settings.error().text;
  return text.substr(text.find("c.toml"));
}

TEST_CASE("tables come in the file's order, each with all fields and places") {
  const auto settings = read_tables(
      "[[scrape]]\njob = \"a\"\ntargets = [\"h:1\", \"h:2\"]\nlabels = { rack = \"r1\" }\n"
      "interval = \"5s\"\nsample_limit = 7\nhonor_labels = true\n"
      "[[scrape.relabel_configs]]\naction = \"drop\"\nsource_labels = [\"x\", \"y\"]\n"
      "[[scrape.relabel_configs]]\n[[scrape]]\njob = \"b\"\n"
      "params = { \"match[]\" = [\"1\", \"2\"], q = \"3\" }\n");
  REQUIRE(settings);
  CHECK(settings->warnings().empty());
  const auto tables = settings->tables("scrape");
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].text("job") == "a");
  CHECK(tables[0].place().ends_with("c.toml:1"));
  CHECK(tables[0].value("job").origin.ends_with("c.toml:2"));
  CHECK(tables[0].list("targets") == std::vector<std::string>{"h:1", "h:2"});
  CHECK(tables[0].pairs("labels") ==
        std::vector<std::pair<std::string, std::string>>{{"rack", "r1"}});
  CHECK(tables[0].duration("interval") == std::chrono::seconds(5));
  CHECK(tables[0].count("sample_limit") == 7);
  CHECK(tables[0].boolean("honor_labels"));
  REQUIRE(tables[0].inner("relabel_configs").size() == 2);
  const SettingTable& rule = tables[0].inner("relabel_configs")[0];
  CHECK(rule.text("action") == "drop");
  CHECK(rule.list("source_labels") == std::vector<std::string>{"x", "y"});
  CHECK(rule.text("regex") == "(.*)");
  CHECK(tables[0].inner("relabel_configs")[1].place().ends_with("c.toml:11"));
  CHECK(tables[0].inner("metric_relabel_configs").empty());
  CHECK(tables[1].text("job") == "b");
  CHECK(tables[1].value("interval").origin == "default");
  CHECK(tables[1].duration("interval") == std::chrono::minutes(1));
  CHECK(tables[1].pairs("params") == std::vector<std::pair<std::string, std::string>>{
                                         {"match[]", "1"}, {"match[]", "2"}, {"q", "3"}});
  CHECK(settings->tables("nothing").empty());
}

TEST_CASE("what a table refuses names its line and what is allowed") {
  using Catch::Matchers::Equals;
  using Catch::Matchers::StartsWith;
  const auto check = [](const std::string& file, const std::string& want) {
    CAPTURE(file);
    CHECK_THAT(tables_refusal(file), StartsWith(want));
  };
  check("[scrape]\njob = \"a\"\n",
        "c.toml:1: scrape must be sections in double brackets: [[scrape]]");
  check("scrape = [1]\n", "c.toml:1: scrape must be sections in double brackets: [[scrape]]");
  check("\n[[scrape]]\ninterval = \"5s\"\n", "c.toml:2: [[scrape]] needs job, a text in quotes");
  check("[[scrape]]\njob = 5\n", "c.toml:2: scrape.job must be a text in quotes");
  check("[[scrape]]\njob = \"a\"\nscheme = \"ftp\"\n",
        "c.toml:3: scrape.scheme = 'ftp' is not one of http, https");
  check("[[scrape]]\njob = \"a\"\n\ninterval = \"soon\"\n",
        "c.toml:4: scrape.interval = 'soon' is not a duration such as");
  check("[[scrape]]\ninterval = \"1ms\"\n",
        "c.toml:2: scrape.interval = '1ms' is not a duration from 100ms to 1d");
  check("[[scrape]]\ntargets = \"\"\nsample_limit = \"7\"\n",
        "c.toml:3: scrape.sample_limit must be a whole number");
  check("[[scrape]]\nsample_limit = -1\n",
        "c.toml:2: scrape.sample_limit = '-1' is not a whole number");
  check("[[scrape]]\nlabels = { a = 1 }\n", "c.toml:2: scrape.labels must be names and texts");
  check("[[scrape]]\nlabels = { a = [\"1\"] }\n", "c.toml:2: scrape.labels must be names and");
  check("[[scrape]]\nheaders = \"a: b\"\n", "c.toml:2: scrape.headers must be names and texts");
  check("[[scrape]]\nhonor_labels = \"yes\"\n", "c.toml:2: scrape.honor_labels must be true");
  check("[[scrape]]\npassword_file = \"pw\"\n",
        "c.toml:2: scrape.password_file = 'pw' is not an absolute path");
  check("[[remote_write]]\nname = \"a\"\n", "c.toml:1: [[remote_write]] needs url, a URL such as");
  check("[[remote_write]]\nurl = \"h:9090\"\n", "c.toml:2: remote_write.url = 'h:9090' is not a");
  check("[[remote_write]]\nurl = \"http://u:p@h\"\n",
        "c.toml:2: remote_write.url must not hold a user or password");
  check("[[remote_write]]\nshards = 65\n",
        "c.toml:2: remote_write.shards = '65' is not a whole number from 1 to 64");
  check("[[remote_write]]\nprotocol = 2.0\n",
        "c.toml:2: remote_write.protocol must be one of auto, 1.0, 2.0");
  check("[[scrape]]\njob = \"a\"\n[scrape.relabel_configs]\n",
        "c.toml:3: scrape.relabel_configs must be sections in double brackets: "
        "[[scrape.relabel_configs]]");
  check("[[scrape]]\njob = \"a\"\n[[scrape.relabel_configs]]\naction = \"kep\"\n",
        "c.toml:4: scrape.relabel_configs.action = 'kep' is not one of keep, drop, replace, "
        "hashmod, labelmap, labeldrop, labelkeep");
}

TEST_CASE("an unknown field is a warning that names the nearest, also by Prometheus' names") {
  const auto settings = read_tables(
      "[[scrape]]\njob_name = \"x\"\njob = \"a\"\ntagets = [\"h:1\"]\nscrape_interval = \"5s\"\n"
      "[[scrape.relabel_configs]]\nregexp = \"x\"\n[[scrap]]\n");
  REQUIRE(settings);
  std::vector<std::string> said;
  for (const std::string& text : settings->warnings()) said.push_back(text.substr(text.find("c.")));
  std::sort(said.begin(), said.end());
  CHECK(said == std::vector<std::string>{
                    "c.toml:2: unknown key scrape.job_name; did you mean scrape.job?",
                    "c.toml:4: unknown key scrape.tagets; did you mean scrape.targets?",
                    "c.toml:5: unknown key scrape.scrape_interval; did you mean scrape.interval?",
                    ("c.toml:7: unknown key scrape.relabel_configs.regexp; did you mean "
                     "scrape.relabel_configs.regex?"),
                    "c.toml:8: unknown key scrap; did you mean scrape?"});
  CHECK(read_tables("[[scrape]]\njob = \"a\"\n", "agent")->warnings().size() == 1);
}

TEST_CASE("what may be secret is not shown") {
  const auto settings = read_tables("[[scrape]]\njob = \"a\"\nheaders = { X-Key = \"hush\" }\n");
  REQUIRE(settings);
  const std::vector<TableSpec> specs = table_specs("local");
  for (const SettingSpec& field : specs.front().fields) {
    const std::string shown = shown_setting(field, settings->tables("scrape")[0].value(field.key));
    CHECK(shown.find("hush") == std::string::npos);
    if (field.key == "headers") CHECK(shown == "{X-Key = (not shown)}");
    if (field.key == "ca_file") CHECK(shown == "\"\"");
  }
  SettingSpec url{"url", SettingType::url, "", "", ""};
  CHECK(shown_setting(url, {"https://h/w?token=hush", ""}) == "https://h/w?(not shown)");
  for (const char* bad : {"https://u:hush@h/w", "ftp://hush@h", "//u:hush@h"}) {
    const auto problem = setting_problem(url, bad);
    REQUIRE(problem);
    CHECK(problem->find("hush") == std::string::npos);
  }
  CHECK_FALSE(setting_problem(url, "http://[::1]:9090/api/v1/write?x=y"));
  CHECK(setting_problem(url, "prometheus:9090"));
  CHECK(setting_problem(url, "http://"));
  CHECK(setting_problem(url, "http://h/a b"));
}

}  // namespace
}  // namespace volta
