import { describeEngine } from "../conformance.ts";
import { localSetup } from "./conformance.ts";

describeEngine("local", localSetup);
