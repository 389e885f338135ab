import { activate } from "./language.ts";

activate("en");
