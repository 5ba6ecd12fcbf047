import { describeEngine } from "../conformance.ts";
import { localSetup } from "./local-setup.ts";

describeEngine("local", localSetup);
