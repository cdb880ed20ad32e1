// The page's lint: typescript-eslint's strict rules with types, for what Vite bundles.
import { defineConfig } from "eslint/config";
import { configs } from "typescript-eslint";

export default defineConfig({
  files: ["src/**/*.{ts,tsx}"],
  extends: [configs.strictTypeChecked],
  languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
  linterOptions: { reportUnusedDisableDirectives: "error" },
  rules: {
    // Numbers in template strings and one-line `onClick={() => (x.value = y)}` are how this page is written.
    "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    // Reading a signal subscribes to it: `void version.value` is such a read.
    "@typescript-eslint/no-meaningless-void-operator": "off",
    eqeqeq: ["error", "always", { null: "ignore" }],
  },
});
