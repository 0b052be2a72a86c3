"""The names other agents give to the same tools, parameters and values, as M2 may have learnt them: tables, no more.

From Claude Code, Codex, Gemini CLI, OpenHands, SWE-agent, R2E-Gym, Kimi CLI, Mistral Vibe, Cline, Cursor, Copilot,
opencode and Factory. A name stands here also if our tool of that meaning is not offered in this session.
"""

from __future__ import annotations

from collections.abc import Mapping

# Ours: theirs, lower case without separators.
_TOOLS: Mapping[str, str] = {
    "bash": "shell sh runshellcommand runshell shellcommand executebash executecommand execcommand execute exec "
    "terminal runterminalcmd runterminalcommand runinterminal runcommand run command cmd localshell containerexec "
    "bashtool console developershell shellexec shelltool bashcommand executeshell unifiedexec",
    "read": "readfile view viewfile cat open openfile fileread readtextfile showfile getfile readtool opencontent "
    "readmanyfiles readmediafile readfiles viewfilecontent catfile filereader notebookread",
    "write": "writefile createfile create filewrite savefile writetofile newfile writetextfile putfile writetool "
    "filecreate overwritefile createnewfile",
    "edit": "editfile strreplace strreplacefile replace searchreplace searchandreplace replaceinfile fileedit "
    "stringreplace findandreplace applyedit modifyfile updatefile editblock multiedit replacestringinfile "
    "multireplacestringinfile edittool editfiles",
    "grep": "search searchfiles searchfilecontent searchtext ripgrep rg grepsearch searchdir searchfile findinfiles "
    "codesearch searchcode contentsearch greptool grepfiles filegrep codebasesearch searchincode",
    "glob": "findfile findfiles filesearch searchfilename listfiles listfile globfiles find ls listdirectory listdir "
    "list dir globtool findbyname fileglobsearch globsearch findpath readfolder directorytree",
    "todo": "todowrite settodolist todolist updatetodo updatetodos updateplan plan taskplan writetodos todos "
    "taskwrite tasktracker updatetodolist managetodolist writetodo todotool maketodo createplan",
    "run_tests": "runtests runtest test tests pytest unittest testrunner executetests",
    "recall": "searchhistory historysearch searchmemory memorysearch lookback remember recallhistory "
    "conversationsearch searchconversation searchsession getentries recallmemory",
    "jobs": "bashoutput killbash killshell taskoutput taskstop writestdin listjobs job backgroundjobs tasklist "
    "getterminaloutput commandstatus killprocess readbackgroundoutput processstatus",
    "git": "gitcommand rungit gittool gitstatus gitdiff gitlog gitcommit gitadd gitshow gitblame gitbranch",
    "apply_patch": "applypatch patch applydiff diffapply applypatchtool patchfile",
    "outline": "listcodedefinitionnames listcodedefinitions codeoutline symbols documentsymbols getsymbolsoverview "
    "filestructure fileoutline listsymbols lspdocumentsymbols",
    "map": "repomap codemap repositorymap projectmap getrepomap",
    "python": "ipython executeipythoncell runpython pythonexec executepython jupyter runpythoncode pythoninterpreter "
    "codeinterpreter executecode runipython",
    "web_fetch": "webfetch fetch fetchurl fetchwebpage readurl readurlcontent browseurl openurl webread curl geturl "
    "fetchwebpages urlfetch openbrowserpage",
    "web_search": "websearch googlewebsearch searchweb googlesearch internetsearch searchinternet bingsearch "
    "tavilysearch bravesearch",
    "task": "agent subagent spawnagent dispatchagent newtask delegate runsubagent createsubagent delegatetask "
    "taskagent launchagent delegatetoagent",
    "ask_user": "askuserquestion askfollowupquestion question requestuserinput askhuman askquestion userinput "
    "askuserquestions askquestions clarify",
    "exit_plan_mode": "planmoderespond presentplan submitplan proposeplan planexit",
}
TOOL_ALIASES: Mapping[str, str] = {theirs: ours for ours, names in _TOOLS.items() for theirs in names.split()}

# What other agents have a tool for and we have not, or not in this session: what to do instead.
_INSTEAD: Mapping[str, str] = {
    "To end, just answer in words, without a call.": "finish submit attemptcompletion taskcomplete complete done "
    "endtask finalanswer answer respond submitresult finishtask completetask exit reportdone submitanswer",
    "Think as you do, without a tool.": "think thinking sequentialthinking reflect reasoning thinktool",
    "The list stands as your last call of `todo` left it.": "todoread readtodos gettodos viewtodos",
    "Nobody can be asked by a tool here: ask in your answer, or decide and say so.": "askuser askuserquestion "
    "askfollowupquestion question requestuserinput askhuman askquestion userinput askuserquestions askquestions "
    "clarify",
    "There are no subagents here: do it yourself.": "task agent subagent spawnagent dispatchagent newtask delegate "
    "runsubagent createsubagent delegatetask taskagent launchagent delegatetoagent",
    "A task reports when it has ended; if you have the tool `task`, its `resume` asks one more.": "sendinput waitagent "
    "closeagent resumeagent",
    "There is no web tool here: work with what is in the workspace. With the network open (--network on) there are "
    "some; say so if you need them.": "webfetch fetch fetchurl fetchwebpage readurl "
    "readurlcontent browseurl openurl webread websearch googlewebsearch searchweb googlesearch internetsearch "
    "searchinternet browser browseraction browse browseinteractive geturl",
    "Make each of them a call of its own; calls of one reply that only read run side by side.": "multitooluseparallel "
    "parallel multitooluse batch batchtool multicall paralleltoolcalls",
    "Use bash for it.": "deletefile removefile movefile renamefile copyfile makedirectory createdirectory mkdir rm mv",
    "Plan in words; the user switches the modes.": "exitplanmode enterplanmode switchmode planmoderespond presentplan "
    "submitplan proposeplan planexit planenter",
    "Write it into a file, or say it.": "savememory memory memorywrite updatememory addmemory learn",
}
INSTEAD: Mapping[str, str] = {name: words for words, names in _INSTEAD.items() for name in names.split()}

# Each row is one meaning. A key the tool does not know is read as the parameter of the tool that is in the same row.
_ROWS = (
    "filepath path file filename absolutepath targetfile filepathname relativepath fullpath notebookpath uri "
    "filetoread filetoedit filelocation absolutefilepath relativefilepath pathtofile",
    "path directory dir folder searchpath dirpath directorypath root cwd filepath targetdirectory workspacepath "
    "relativeworkspacepath searchdirectory searchdir folderpath basepath rootpath targetfolder",
    "command cmd script bashcommand shellcommand commandline bash shell code shcommand",
    "args command cmd argv arguments subcommand gitargs gitcommand commandargs",
    "cwd workdir workingdirectory workingdir directory dir dirpath currentdirectory folder",
    "code source python pythoncode script input cell command snippet",
    "oldstring oldstr old search oldtext find original searchstring target oldcode from before oldcontent "
    "searchtext findtext originaltext originalstring oldvalue stringtoreplace",
    "newstring newstr new replace newtext replacement updated replacestring replacewith newcode to after "
    "newcontent replacetext replacementtext newvalue updatedtext replacementstring",
    "replaceall all global replaceallmatches allowmultiple changeall replaceallocurrences replacealloccurrences "
    "multiple everywhere",
    "content filetext text contents body data filecontent filecontents newcontent codecontent code filebody "
    "fulltext newfilecontent newfilecontents",
    "edits replacements changes multiedits edit operations modifications",
    "patch input patchtext diff patchcontent unifieddiff patchstr changes",
    "pattern until waitfor filter",
    "pattern regex query search searchterm regexp searchpattern globpattern term expression substring needle "
    "searchquery keyword searchregex text string searchstring",
    "pattern glob globpattern filepattern name query filename includepattern filenamepattern searchpattern files",
    "glob include filepattern includepattern globfilter filefilter files includes fileglob includeglob filetypes",
    "offset startline lineoffset start fromline linestart begin startlinenumber linenumber firstline "
    "startlineoneindexed",
    "limit nlines maxlines lines numlines linecount maxresults headlimit count max maxmatches totalmaxmatches "
    "numresults topk maxcount resultlimit maxfiles",
    "timeout timeoutseconds timeoutsec timeouts maxtime timelimit timeoutms timeoutinseconds maxseconds",
    "seconds timeout wait waitseconds maxwait timeoutseconds waitfor duration",
    "runinbackground background isbackground inbackground detach detached async blocking",
    "id jobid bashid shellid taskid sessionid processid pid terminalid execid commandid",
    "text input chars stdin data line keys",
    "action command operation subcommand mode",
    "todos items plan todolist tasks list tasklist steps todoitems checklist",
    "paths path file filepath target targets tests testids testpath test nodeid testfile filter directory name "
    "files testpaths testfiles nodeids testname testnames",
    "outputmode mode output outputformat",
    "queries query q search searchterm searchquery searchqueries keywords question",
    "query pattern regex search q words text keywords searchterm term phrase searchquery",
    "ids id entries entryids entryid entry refs",
    "around near context neighbours neighbors aroundid entryid id",
    "kind type kinds role blocktype source in",
    "ignorecase i caseinsensitive insensitive nocase",
    "symbol name symbolname function class definition",
    "url uri link address href webpage page",
    "prompt task instructions question message request goal objective",
    "resume taskid agentid resumefrom",
    "question prompt query message text ask",
    "options choices suggestions followup followups answers",
    "several multiselect multiple selectmultiple allowmultiple multiplechoice",
    "plan response plancontent plantext content proposal text",
    "description reason explanation purpose summary justification",
    "content step title task text description name activity",
    "status state progress",
)
PARAMETER_ROWS: tuple[tuple[str, ...], ...] = tuple(tuple(row.split()) for row in _ROWS)

# As above, of the values of a choice: what is no choice of the parameter is read as the one in the same row.
_VALUES = (
    "completed done complete finished closed resolved",
    "inprogress doing active started working current ongoing wip",
    "pending todo notstarted open waiting planned new incomplete",
    "fileswithmatches files filenames fileslist filepaths filesonly names l",
    "content contents text matchinglines full",
    "count counts countonly total c",
    "read output get poll status view check",
    "stop kill terminate cancel end interrupt",
    "send write input type stdin",
    "list ls all show",
    "wait block join await",
)
VALUE_ROWS: tuple[tuple[str, ...], ...] = tuple(tuple(row.split()) for row in _VALUES)


def fold(name: str) -> str:
    """A name as it is compared: `filePath`, `file_path`, `file-path` and `FILE_PATH` are the same."""
    return "".join(c for c in name.lower() if c.isalnum())
