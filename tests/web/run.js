// Runs the browser tests: node run.js [PART-OF-A-NAME]. The last line is "N passed, N failed".

import { runAll } from "./harness.js";
import "./vote.js";
import "./doubt.js";
import "./live.js";
import "./form.js";
import "./safety.js";
import "./screen.js";
import "./kinds.js";
import "./results.js";
import "./look.js";
import "./words.js";

process.exitCode = (await runAll(process.argv[2])) ? 0 : 1;
